import { describe, expect, it } from "vitest";
import {
  createProviderEmulator,
  limitedFor,
  type ProviderEmulatorOptions,
  rateLimited,
  serverError,
} from "../../../src/testing/index.ts";
import { chat, newSecret, startEmulator } from "./fixture.ts";

const create = (options: object) => createProviderEmulator(options as ProviderEmulatorOptions);
const withKey = (behaviour: object) => create({ keys: [{ secret: newSecret(), ...behaviour }] });

const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    return (error as Error).message;
  }
  return "no error";
};

describe("createProviderEmulator's options", () => {
  it.each([
    [{}, "Expected `keys` to be a list of keys, or an object from secret to behaviour, got `undefined`"],
    [
      { keys: [], limit: [] },
      "Expected `options` to have only known fields, got `limit`. Known are keys, credential, limits,",
    ],
    [{ keys: [], limits: {} }, "Expected `limits` to be a list of limits, got an object"],
    [{ keys: [], limits: [{ requests: 1, per: "week" }] }, "Expected `limits[0].per` to be a number > 0 or one of"],
    [{ keys: [], countRefused: "yes" }, "Expected `countRefused` to be true or false, got `yes` (string)"],
    [{ keys: [], models: "one" }, "Expected `models` to be a list of model ids, got `one` (string)"],
    [{ keys: [], reply: 5 }, "Expected `reply` to be a string or a function, got `5` (number)"],
    [{ keys: [], completionTokens: -1 }, "Expected `completionTokens` to be an integer >= 0, got `-1` (number)"],
    [{ keys: [], chunkDelayMs: Number.NaN }, "Expected `chunkDelayMs` to be a finite number >= 0, got `NaN` (number)"],
    [{ keys: [], credential: [] }, "Expected `credential` to be at least one of places for the key, got an array of 0"],
    [{ keys: [], credential: { header: "x key" } }, "Expected `credential.header` to be a header name"],
    [
      { keys: [], credential: { name: "x-key" } },
      "Expected `credential` to have only known fields, got `name`. Known are header, scheme",
    ],
    [
      { keys: [], clock: { wall: () => 0 } },
      "methods wall, monotonic and timer, got an object without monotonic, timer",
    ],
  ])("names what is wrong with %j", (options, message) => {
    expect(messageOf(() => create(options))).toContain(message);
  });

  it.each([
    [{ scirpt: [] }, "Expected `keys[0]` to have only known fields"],
    [{ account: "" }, "Expected `keys[0].account` to be a non-empty string"],
    [{ script: {} }, "Expected `keys[0].script` to be a list of steps or a function, got an object"],
    [{ script: [{}, { status: 99 }] }, "Expected `keys[0].script[1].status` to be an integer from 200 to 599"],
    [{ always: { delay: 5 } }, "Expected `keys[0].always` to have only known fields"],
    [
      { always: { headers: { "retry-after": 5 } } },
      "Expected `keys[0].always.headers.retry-after` to be a string, got number",
    ],
    [{ always: { headers: { a: "b\nc" } } }, "Expected `keys[0].always.headers.a` to be a value a header can carry"],
    [{ always: { body: null } }, "Expected `keys[0].always.body` to be an object or a string, got `null`"],
    [{ always: { cut: "middle" } }, 'Expected `keys[0].always.cut` to be "before-headers", "after-headers" or'],
    [{ always: { cut: { afterChunks: -1 } } }, "Expected `keys[0].always.cut.afterChunks` to be an integer >= 0"],
    [{ always: { streamError: {} } }, "Expected `keys[0].always.streamError.afterChunks` to be an integer >= 0"],
    [{ limits: [{ requests: 1, scope: "all" }] }, 'Expected `keys[0].limits[0].scope` to be one of "key", "account"'],
  ])("names what is wrong with a key's %j", (behaviour, message) => {
    expect(messageOf(() => withKey(behaviour))).toContain(message);
  });

  it("never repeats a secret, wherever it was put", () => {
    const secret = newSecret();
    const misplaced = [
      { keys: secret },
      { keys: { [secret]: secret } },
      { keys: { one: secret } },
      { keys: [[secret]] },
      { keys: [secret, secret] },
      { keys: [{ [secret]: {} }] },
      { keys: [], [secret]: {} },
      { keys: [], credential: { header: "x-key", scheme: `Bearer ${secret}` } },
      { keys: [{ secret: newSecret(), always: { headers: { [secret]: 5 } } }] },
      { keys: [], limits: secret },
    ];
    for (const options of misplaced) {
      const message = messageOf(() => create(options));
      expect(message).toMatch(/^Expected `/);
      expect(message).not.toContain(secret.slice(5));
    }
  });

  it("holds what is changed while running to the same rules", () => {
    const secret = newSecret();
    const emulator = create({ keys: [secret] });
    const step = { status: 700 };
    expect(messageOf(() => emulator.key(secret).script([step]))).toContain("`script[0].status`");
    expect(messageOf(() => emulator.key(secret).script([], step))).toContain("`always.status`");
    expect(messageOf(() => emulator.key(secret).limits([{}]))).toContain("`limits[0].requests`");
    expect(messageOf(() => emulator.addKey("", {}))).toContain("`secret` to be a non-empty string");
    expect(messageOf(() => emulator.addKey(newSecret(), { always: step }))).toContain("`behaviour.always.status`");
  });

  it("holds the helpers for steps to them, too", () => {
    expect(messageOf(() => rateLimited({ retryAfterSeconds: -1 }))).toContain("`retryAfterSeconds`");
    expect(messageOf(() => rateLimited({ retryAfter: 1 } as object))).toContain("only known fields");
    expect(messageOf(() => serverError(404))).toContain("an integer from 500 to 599");
    expect(messageOf(() => limitedFor(Number.NaN))).toContain("`ms`");
  });

  it.each([
    ["a step that cannot be", { script: () => ({ status: 42 }) }, {}, "Expected `step.status`"],
    ["no text for a reply", {}, { reply: () => 5 }, "Expected `reply` to be a function that returns a string"],
    ["half a token", {}, { completionTokens: () => 0.5 }, "Expected `completionTokens` to be an integer >= 0"],
  ])("says in an answer with 500 that a function returned %s", async (_what, behaviour, options, message) => {
    const secret = newSecret();
    const keys = { [secret]: behaviour };
    const emulator = await startEmulator({ keys, ...options } as ProviderEmulatorOptions);
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    expect(response.status).toBe(500);
    expect((await response.json()).error.message).toContain(message);
    expect(emulator.openRequests).toBe(0);
  });
});
