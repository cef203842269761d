import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, it, vi } from "vitest";
import * as ours from "../src/index.ts";
import { createNodeProxy } from "../src/node.ts";
import { isA, isError, isPromise } from "../src/realms.ts";
import { chatUrl, limited, ok, origin, post, refusal, rig } from "./fetch/fixture.ts";
import { serving } from "./server/proxy/rig.ts";
import { newSecret } from "./support/test-keys.ts";

const foreign = <T>(code: string): T => runInNewContext(code) as T;

describe("what a value is", () => {
  it("does not hang on the realm its class is from", () => {
    expect(isA(foreign("new Uint8Array(3)"), "Uint8Array")).toBe(true);
    expect(isA(Buffer.from("a"), "Uint8Array")).toBe(true);
    expect(isA(foreign("new Map()"), "Map")).toBe(true);
    expect(isA(foreign("new ArrayBuffer(3)"), "ArrayBuffer")).toBe(true);
    expect(isA(new File([], "a"), "Blob")).toBe(true);
    expect(isA({}, "URL")).toBe(false);
    expect(isA("https://a.test", "URL")).toBe(false);
    expect(isError(foreign("new RangeError('no')"))).toBe(true);
    expect(isError(foreign("class Own extends TypeError {}; new Own()"))).toBe(true);
    expect(isError(new DOMException("no", "AbortError"))).toBe(true);
    expect(isError({ name: "Error", message: "none" })).toBe(false);
    expect(isPromise(foreign("Promise.resolve(1)"))).toBe(true);
    expect([null, undefined, "a", {}].map(isPromise)).toEqual(Array(4).fill(false));
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect([isA(proxy, "URL"), isPromise("a")]).toEqual([false, false]);
  });
});

describe("another copy of the library", () => {
  let other: typeof ours;
  beforeAll(async () => {
    vi.resetModules();
    other = await import("../src/index.ts");
    expect(other.KeyRotator).not.toBe(ours.KeyRotator);
  });

  it("makes rotators that this one's fetch, proxies and admin API use", async () => {
    const answers = [limited({ "retry-after": "60" }), ok(), ok(), ok(), ok()];
    const fetch = async (): Promise<Response> => answers.shift() as Response;
    const rotator = new other.KeyRotator({ provider: "generic", keys: [newSecret(), newSecret()] });
    const rotating = ours.createRotatingFetch({ rotator: rotator as never, baseURL: origin, fetch });
    expect((await rotating(chatUrl, post())).status).toBe(200);
    expect((await rotator.snapshot()).keys.map(({ state }) => state).sort()).toEqual(["cooling", "ready"]);
    const options = { rotator: rotator as never, target: origin, authorize: "public", fetch } as const;
    expect((await ours.createProxyHandler(options)(new Request("http://proxy.test/v1/a"))).status).toBe(200);
    expect(createNodeProxy(options).rotator).toBe(rotator);
    const token = newSecret();
    const admin = ours.createAdminHandler({ rotators: rotator as never, tokens: token });
    const asked = new Request("http://a.test/api/keys", { headers: { authorization: `Bearer ${token}` } });
    expect((await admin(asked)).status).toBe(200);
  });

  it("says the same of an exhausted pool", async () => {
    const rotator = new other.KeyRotator({ provider: "generic", keys: [newSecret(), newSecret()], maxWaitMs: 0 });
    const answers = [limited({ "retry-after": "3600" }), refusal(429, "insufficient_quota")];
    const fetch = async (): Promise<Response> => answers.shift() as Response;
    const rotating = ours.createRotatingFetch({ rotator: rotator as never, baseURL: origin, fetch });
    const response = await rotating(chatUrl, post());
    expect([response.status, (await response.json()).error.code]).toEqual([429, "rate_limit_exceeded"]);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(3_500);
  });

  it("makes stores, key stores, providers and errors that this one takes", async () => {
    const provider = other.defineProvider({ name: "theirs", baseURL: origin });
    const rotator = new ours.KeyRotator({
      provider: provider as never,
      keys: [newSecret()],
      store: new other.MemoryStore() as never,
      keyStore: new other.MemoryKeyStore() as never,
    });
    (await rotator.acquire()).settle({ outcome: "success" });
    expect((await rotator.snapshot()).keys[0]).toMatchObject({ state: "ready" });
    expect(ours.InvalidOptionsError.isInstance(errorOf(() => new other.KeyRotator({ keys: 1 as never })))).toBe(true);
    const spent = new other.KeyRotator({ keys: [newSecret()], limits: [{ concurrency: 1 }], maxWaitMs: 0 });
    await spent.acquire();
    await expect(spent.acquire()).rejects.toSatisfy(ours.AllKeysExhaustedError.isInstance);
  });

  it("is told from what is no rotator", () => {
    for (const rotator of [{}, null, "a", { snapshot() {} }]) {
      expect(() => ours.createRotatingFetch({ rotator: rotator as never, baseURL: origin })).toThrow(/a KeyRotator/);
    }
  });
});

/** As libraries have that are older than the platform's: it can be waited for, and no more. */
class Later<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  // biome-ignore lint/suspicious/noThenProperty: that is what it is
  then(resolve: (value: T) => unknown, reject?: (error: unknown) => unknown): Later<unknown> {
    return new Later(Promise.resolve(this.#value).then(resolve, reject));
  }
}

describe("promises that are not the platform's", () => {
  const later = <T>(value: T): Promise<T> => new Later(value) as never;

  it("are waited for where a store gives them", async () => {
    const store = new ours.MemoryStore();
    const slow = {
      reserve: (...given: Parameters<typeof store.reserve>) => later(store.reserve(...given)),
      settle: (...given: Parameters<typeof store.settle>) => later(store.settle(...given)),
      cooldown: (...given: Parameters<typeof store.cooldown>) => later(store.cooldown(...given)),
      read: (...given: Parameters<typeof store.read>) => later(store.read(...given)),
    };
    const rotator = new ours.KeyRotator({
      keys: [newSecret()],
      store: slow as never,
      limits: [{ requests: 1, per: "hour" }],
    });
    (await rotator.acquire()).settle({ outcome: "success" });
    await expect(rotator.acquire({ model: "any" })).rejects.toSatisfy(ours.AllKeysExhaustedError.isInstance);
  });

  it("are waited for before a client is let through", async () => {
    const options = { keys: [newSecret()], target: origin, fetch: async () => ok() };
    for (const [admitted, status] of [
      [false, 401],
      [true, 200],
    ] as const) {
      const proxy = ours.createProxyHandler({ ...options, authorize: () => later(admitted) as never });
      expect((await proxy(new Request("http://proxy.test/v1/a"))).status).toBe(status);
      const node = createNodeProxy({ ...options, authorize: () => later(admitted) as never });
      const at = await serving((request, response) => node(request, response));
      expect((await fetch(`${at}/v1/a`)).status).toBe(status);
    }
  });
});

describe("a caller's mistake", () => {
  const inAnotherRealm = async (input: string, init?: RequestInit): Promise<Response> => {
    try {
      return await fetch(input, init);
    } catch (error) {
      const { message, cause } = error as Error;
      throw Object.assign(
        foreign<(text: string) => Error>("(text) => new TypeError(text)")(message),
        cause && { cause },
      );
    }
  };

  it.each([
    ["a line break in a header", { headers: { "x-bad": "a\nb" } }],
    ["a name that is no header's", { headers: { "bad name": "a" } }],
    ["a method that is none", { method: "NOT OK" }],
    ["a body of a GET", { method: "GET", body: "a" }],
  ])("in %s is told at once, in whatever realm it is found, and no key cools down for it", async (_what, init) => {
    let sends = 0;
    const {
      fetch: rotating,
      rotator,
      clock,
    } = rig(ok, {
      fetch: (input, given) => {
        sends++;
        return inAnotherRealm(String(input), given);
      },
    });
    await expect(rotating(`${origin}/x`, init)).rejects.toMatchObject({ name: "TypeError" });
    expect(sends).toBeLessThanOrEqual(1);
    expect(clock.pendingTimers).toBe(0);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["ready", "ready"]);
  });
});

function errorOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
