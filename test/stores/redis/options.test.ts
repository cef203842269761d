import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { InvalidOptionsError } from "../../../src/errors.ts";
import { KeyRotator } from "../../../src/index.ts";
import { RedisKeyStore, RedisStore, type RedisStoreOptions } from "../../../src/stores/redis/index.ts";

const client = (): Promise<never> => Promise.reject(new Error("nobody is asked"));

function refusal(make: () => unknown): [field: string, message: string] {
  try {
    make();
  } catch (error) {
    if (InvalidOptionsError.isInstance(error)) return [error.field, error.message];
    throw error;
  }
  throw new Error("The options were taken");
}

const refused = (given: Readonly<Record<string, unknown>>): [string, string] =>
  refusal(() => new RedisStore({ client, pool: "mine", ...given } as unknown as RedisStoreOptions));

describe("RedisStoreOptions", () => {
  const cases: [given: Readonly<Record<string, unknown>>, field: string, message: string][] = [
    [{ comandTimeoutMs: 9 }, "comandTimeoutMs", "got `comandTimeoutMs`; did you mean `commandTimeoutMs`?"],
    [{ insurance: { expectedInstance: 2 } }, "insurance.expectedInstance", "did you mean `expectedInstances`?"],
    [{ insurance: { expectedInstances: 2.5 } }, "insurance.expectedInstances", "an integer >= 1, got `2.5` (number)"],
    [{ insurance: { expectedInstances: 0 } }, "insurance.expectedInstances", "an integer >= 1, got `0` (number)"],
    [{ insurance: "close" }, "insurance", 'an object or "closed", got `close` (string)'],
    [{ onState: "log" }, "onState", "a function, got `log` (string)"],
    [{ pool: "" }, "pool", "a text that is not empty and has no braces, got `` (string)"],
    [{ prefix: "{rf}" }, "prefix", "a text that is not empty and has no braces, got `{rf}` (string)"],
    [{ commandTimeoutMs: 0 }, "commandTimeoutMs", "a number >= 1, got `0` (number)"],
    [{ client: undefined }, "client", "a function that sends a command, got undefined"],
    [{ client: client().catch(() => {}) }, "client", "got a promise; await it"],
  ];
  for (const [given, field, message] of cases) {
    it(`refuses ${field}: ${message}`, () => {
      const [at, words] = refused(given);
      expect(at).toBe(field);
      expect(words).toContain(message);
    });
  }

  it("refuses to be made of nothing", () => {
    const make = RedisStore as unknown as new () => RedisStore;
    expect(refusal(() => new make())).toEqual(["options", "Expected `options` to be an object, got `undefined`"]);
  });

  it("says where a client goes that was given for options, or for a store", () => {
    const made = { call: () => {}, sendCommand: () => {} };
    for (const Made of [RedisStore, RedisKeyStore] as unknown as (new (
      client: unknown,
    ) => object)[]) {
      for (const each of [made, () => {}]) expect(refusal(() => new Made(each))[1]).toContain("`{ client, pool }`");
    }
    class Client {}
    expect(refused({ client: Client })).toEqual(["client", expect.stringContaining("got a class")]);
    const keys = [`test-${randomBytes(16).toString("hex")}`];
    const [field, message] = refusal(() => new KeyRotator({ keys, store: made as never }));
    expect([field, message]).toEqual(["store", expect.stringContaining("a Redis client goes into a `RedisStore`")]);
    expect(refusal(() => new KeyRotator({ keys, keyStore: made as never }))[1]).toContain("into a `RedisKeyStore`");
  });

  it("wants a client, not its address, and repeats nothing of that", () => {
    const password = randomBytes(8).toString("hex");
    const address = `redis://:${password}@127.0.0.1`;
    for (const given of [address, new URL(address)]) {
      const [field, message] = refused({ client: given });
      expect([field, message]).toEqual(["client", expect.stringContaining("got an address; make a client of it")]);
      expect(message).not.toContain(password);
    }
  });

  it("takes what is allowed", () => {
    const onState = (): void => {};
    for (const insurance of [undefined, "closed", {}, { expectedInstances: 3 }] as const) {
      expect(new RedisStore({ client, pool: "mine", insurance, onState, prefix: undefined })).toBeInstanceOf(
        RedisStore,
      );
    }
  });
});
