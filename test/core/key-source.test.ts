import { createRotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { createFingerprint } from "../../src/core/fingerprint.ts";
import { KeyRotator } from "../../src/core/key-rotator.ts";
import { resolveKeys } from "../../src/core/key-source.ts";
import type { RotatorOptions } from "../../src/core/rotator-options.ts";
import { InvalidOptionsError } from "../../src/errors.ts";
import { expectNoSecrets } from "../../src/testing/expect-no-secrets.ts";
import type { KeyConfig, KeyList } from "../../src/types.ts";
import { newSecret, newSecrets } from "./test-keys.ts";

const fingerprint = createFingerprint();
const secret = newSecret();

function refusal(options: unknown): InvalidOptionsError {
  try {
    new KeyRotator(options as RotatorOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error("The options were accepted");
}

function key(config: Record<string, unknown>): RotatorOptions {
  return { keys: [{ secret, ...config } as unknown as KeyConfig] };
}

describe("KeyRotator options", () => {
  it.each([
    ["no keys at all", {}, "keys", /^Expected `keys` to be .*, got `undefined`.*environment variable/],
    ["null", { keys: null }, "keys", /^Expected `keys` to be .*, got `null`/],
    [
      "an empty string",
      { keys: "" },
      "keys",
      /^Expected `keys` to be at least one key, got an empty string.*environment/,
    ],
    ["a blank string", { keys: " \n " }, "keys", /^Expected `keys` to be at least one key, got a blank string/],
    ["commas only", { keys: ", ,," }, "keys", /^Expected `keys` to be at least one key/],
    ["an empty list", { keys: [] }, "keys", /^Expected `keys` to be at least one key, got an empty list/],
    [
      "a number",
      { keys: 5 },
      "keys",
      /^Expected `keys` to be a string, a list of keys or a function.*, got `5` \(number\)/,
    ],
    ["an object", { keys: { secret: "x" } }, "keys", /^Expected `keys` to be .*, got an object/],
    ["an empty entry", { keys: ["", "b"] }, "keys[0]", /^Expected `keys\[0\]` to be a non-empty string/],
    [
      "a blank entry",
      { keys: ["a", "  "] },
      "keys[1]",
      /^Expected `keys\[1\]` to be a non-empty string, got a blank one/,
    ],
    ["an undefined entry", { keys: ["a", undefined] }, "keys[1]", /^Expected `keys\[1\]` to be .*, got undefined/],
    ["a null entry", { keys: [null] }, "keys[0]", /^Expected `keys\[0\]` to be .*, got null/],
    ["a number as an entry", { keys: [7] }, "keys[0]", /^Expected `keys\[0\]` to be .*, got number/],
    [
      "no secret",
      { keys: [{ id: "a" }] },
      "keys[0].secret",
      /^Expected `keys\[0\].secret` to be a string, got undefined/,
    ],
    ["a secret that is a number", { keys: [{ secret: 1 }] }, "keys[0].secret", /to be a string, got number/],
    ["a function without an id", { keys: [{ secret: () => "a" }] }, "keys[0].id", /given when `secret` is a function/],
  ])("refuse %s as keys", (_, options, field, message) => {
    const error = refusal(options);
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("ERR_INVALID_OPTIONS");
  });

  it.each([
    ["a line break", "\n", /a control character \(code 10\) at position \d+/],
    ["a zero byte", "\0", /a control character \(code 0\)/],
    ["a delete character", "\u007f", /a control character \(code 127\)/],
    ["a space", " ", /a space at position/],
    ["a curly quote", "\u201d", /a character no header can carry \(code 8221\)/],
  ])("refuse a key with %s in it, without repeating it", (_, character, message) => {
    const bad = `${newSecret()}${character}${newSecret()}`;
    for (const keys of [bad, [bad], [{ secret: bad }]]) {
      const error = refusal({ keys });
      expect(error.message).toMatch(message);
      expectNoSecrets([error.message, error.stack, error.field], [bad, ...bad.split(character)]);
    }
  });

  it("trim what surrounds a key", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const trimmed = resolveKeys(`  ${first} ,\n${second}\r\n`, fingerprint);
    expect(trimmed.map((one) => one.secret)).toEqual([first, second]);
    expect(resolveKeys([`${first}\n`], fingerprint)[0]?.secret).toBe(first);
  });

  it.each([
    [
      "a weight of 0",
      { weight: 0 },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `0` (number)",
    ],
    [
      "a negative weight",
      { weight: -1 },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `-1` (number)",
    ],
    [
      "NaN as weight",
      { weight: Number.NaN },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `NaN` (number)",
    ],
    [
      "an infinite weight",
      { weight: Infinity },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a finite number > 0, got `Infinity` (number)",
    ],
    [
      "a weight in words",
      { weight: "2" },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `2` (string)",
    ],
    [
      "NaN as priority",
      { priority: Number.NaN },
      "keys[0].priority",
      "Expected `keys[0].priority` to be a finite number, got `NaN` (number)",
    ],
    ["a blank id", { id: " " }, "keys[0].id", "Expected `keys[0].id` to be a non-empty string, got ` ` (string)"],
    [
      "a number as account",
      { account: 5 },
      "keys[0].account",
      "Expected `keys[0].account` to be a non-empty string, got `5` (number)",
    ],
    [
      "no models",
      { models: [] },
      "keys[0].models",
      "Expected `keys[0].models` to be a model name or a list of them, got an array of 0",
    ],
    [
      "words for enabled",
      { enabled: "yes" },
      "keys[0].enabled",
      "Expected `keys[0].enabled` to be true or false, got `yes` (string)",
    ],
  ])("refuse %s", (_, config, field, message) => {
    const error = refusal(key(config));
    expect([error.field, error.message]).toEqual([field, message]);
  });

  it.each([
    ["not a URL", "api.example.com/v1"],
    ["another scheme", "ftp://api.example.com"],
    ["an empty one", ""],
    ["a number", 5],
  ])("refuse a baseURL that is %s", (_, baseURL) => {
    const error = refusal(key({ baseURL }));
    expect(error.field).toBe("keys[0].baseURL");
    expect(error.message).toMatch(/^Expected `keys\[0\].baseURL` to be /);
  });

  it("do not repeat a malformed baseURL, which may carry a credential", () => {
    const error = refusal(key({ baseURL: `api.example.com/?key=${secret}` }));
    expectNoSecrets([error.message, error.stack], [secret]);
  });

  it.each([
    ["no requests in a limit", { limits: [{ per: "minute" }] }, "limits[0].requests"],
    ["a limit of 0", { limits: [{ requests: 0 }] }, "limits[0].requests"],
    ["half a request", { limits: [{ requests: 1.5 }] }, "limits[0].requests"],
    ["NaN requests", { limits: [{ requests: Number.NaN }] }, "limits[0].requests"],
    ["an unknown period", { limits: [{ requests: 1, per: "fortnight" }] }, "limits[0].per"],
    ["a period of 0", { limits: [{ requests: 1, per: 0 }] }, "limits[0].per"],
    [
      "a calendar window of so many milliseconds",
      { limits: [{ requests: 1, per: 5000, window: "calendar" }] },
      "limits[0].per",
    ],
    [
      "an unknown time zone",
      { limits: [{ requests: 1, window: "calendar", timeZone: "Mars/Phobos" }] },
      "limits[0].timeZone",
    ],
    ["a time zone without a calendar", { limits: [{ requests: 1, timeZone: "UTC" }] }, "limits[0].timeZone"],
    ["an unknown field in a limit", { limits: [{ requests: 1, window_ms: 5 }] }, "limits[0].window_ms"],
    ["the same limit twice", { limits: [{ requests: 1 }, { requests: 2 }] }, "limits[1].id"],
    ["a limit that is no list", { limits: { requests: 1 } }, "limits"],
    ["a negative cooldown", { cooldownMs: -1 }, "cooldownMs"],
    ["NaN as wait", { maxWaitMs: Number.NaN }, "maxWaitMs"],
    ["a negative guard", { guardMs: -5 }, "guardMs"],
    ["a lease of 0", { leaseMs: 0 }, "leaseMs"],
    ["a store without methods", { store: {} }, "store"],
    ["a logger without methods", { logger: () => {} }, "logger"],
    ["words for random", { random: "dice" }, "random"],
  ])("refuse %s, naming the field", (_, options, field) => {
    const error = refusal({ keys: secret, ...options });
    expect(error.field).toBe(field);
    expect(error.message).toMatch(/^Expected `[\w.[\]]+` to /);
  });

  it("refuse an unknown option and list those there are", () => {
    const error = refusal({ keys: secret, stratgy: "random" });
    expect(error.field).toBe("stratgy");
    expect(error.message).toMatch(/^Expected `options` to have only known fields \(.*\bstrategy\b.*\), got `stratgy`$/);
  });

  it("refuse an unknown field of a key and list those there are", () => {
    const error = refusal(key({ wieght: 2 }));
    expect(error.field).toBe("keys[0].wieght");
    expect(error.message).toMatch(/known fields \(.*\bweight\b.*\), got `wieght`$/);
  });

  it("refuse an unknown strategy and list those there are", () => {
    const error = refusal({ keys: secret, strategy: "roundrobin" });
    expect(error.message).toBe(
      'Expected `strategy` to be one of "round_robin", "random", "weighted", "least_used", "fill_first", ' +
        '"least_busy", "lowest_latency", got `roundrobin` (string)',
    );
  });

  it("refuse an unknown provider and list those there are", () => {
    expect(refusal({ keys: secret, provider: "opanai" }).message).toMatch(/one of .*"openai".*"generic".*got `opanai`/);
  });

  it("never repeat a key that was put in the wrong place", () => {
    const long = newSecret() + newSecret();
    const places = [
      { keys: secret, strategy: long },
      { keys: secret, provider: long },
      { keys: secret, idSecret: 5, [long]: 1 },
      { keys: [{ [long]: 1 }] },
      { keys: [{ secret, weight: long }] },
      { keys: [{ secret: long, weight: secret }] },
      { keys: long, strategy: secret },
      { keys: [{ secret, headers: { authorization: 5 } }] },
      { keys: { [long]: {} } },
    ];
    for (const options of places) {
      const error = refusal(options);
      expectNoSecrets([error.message, error.field], [long, secret]);
    }
  });
});

describe("resolveKeys", () => {
  it("takes a string with commas, a list of strings, a list of objects, or both mixed", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const lists: KeyList[] = [
      `${first},${second}`,
      [first, second],
      [{ secret: first }, { secret: second }],
      [first, { secret: second }],
    ];
    for (const list of lists) expect(resolveKeys(list, fingerprint).map((one) => one.secret)).toEqual([first, second]);
  });

  it("makes one key of the same secret twice, with the settings of the first", () => {
    const keys = resolveKeys([{ secret, weight: 3 }, secret, { secret, weight: 5, id: "other" }], fingerprint);
    expect(keys.map(({ id, weight }) => [id, weight])).toEqual([[fingerprint(secret), 3]]);
  });

  it("refuses two secrets with one id", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const list = [
      { secret: first, id: "same" },
      { secret: second, id: "same" },
    ];
    expect(() => resolveKeys(list, fingerprint)).toThrow(
      "Expected `keys[1].id` to be unique, got one that an earlier key has",
    );
  });

  it("names keys by a fingerprint of 16 hex digits that is the same wherever they stand", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const ids = resolveKeys([first, second], createFingerprint()).map(({ id }) => id);
    expect(resolveKeys([second, first], createFingerprint()).map(({ id }) => id)).toEqual(ids.reverse());
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(ids).size).toBe(2);
  });

  it("names them otherwise with another idSecret, and leaves given ids alone", () => {
    const mine = createFingerprint(newSecret());
    expect(resolveKeys([secret], mine)[0]?.id).not.toBe(fingerprint(secret));
    expect(resolveKeys([{ secret, id: "given" }], mine)[0]?.id).toBe("given");
  });

  it("fills in what is not given", () => {
    expect(resolveKeys([secret], fingerprint)[0]).toMatchObject({ weight: 1, priority: 0, enabled: true });
  });
});

describe("createFingerprint", () => {
  it("gives the same name for the same secret in every version", () => {
    expect(createFingerprint()("an example")).toBe(createFingerprint()("an example"));
    expect(createFingerprint("one")("an example")).not.toBe(createFingerprint("other")("an example"));
  });
});

describe("messages about values in the wrong place", () => {
  it("repeat neither keys given as the options nor an id that is a secret", () => {
    const secret = "abc-short-key-1";
    const messageOf = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        return String(error);
      }
      return "";
    };
    const given = { baseURL: "https://api.example.com" };
    const twice = [
      { secret: `${secret}x`, id: secret },
      { secret: `${secret}y`, id: secret },
    ];
    const messages = [
      messageOf(() => createRotatingFetch(`${secret},${secret}2` as never)),
      messageOf(() => createRotatingFetch({ ...given, keys: secret, provider: secret })),
      messageOf(() => createRotatingFetch({ ...given, keys: secret, limits: secret as never })),
      messageOf(() => createRotatingFetch({ ...given, keys: twice })),
    ];
    for (const message of messages) {
      expect(message).toContain("Expected");
      expect(message).not.toContain(secret);
    }
  });
});
