import { describe, expect, it } from "vitest";
import { createRotatingFetch, KeySourceError } from "../../src/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { networkError, ok, origin, post, rig } from "./fixture.ts";

const target = `${origin}/v1/x`;
const never = (): Promise<never> => new Promise(() => {});

/** A fetch whose keys or secret never come. */
function stuck(part: "keys" | "secret", options: object = {}) {
  const clock = new FakeClock();
  const keys = part === "keys" ? never : [{ id: "a", secret: never }];
  return { clock, fetch: createRotatingFetch({ keys, baseURL: origin, clock, fetch: async () => ok(), ...options }) };
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => {
      throw new Error("The call succeeded.");
    },
    (error: Error) => error,
  );
}

describe.each(["keys", "secret"] as const)("a call whose %s function never answers", (part) => {
  it("ends when the caller aborts it, with the caller's reason", async () => {
    const { fetch, clock } = stuck(part);
    const controller = new AbortController();
    const failed = failureOf(fetch(target, { signal: controller.signal }));
    await clock.advance(100);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    expect(fetch.rotator.inFlight).toBe(0);
  });

  it("ends after `totalTimeoutMs`, and says so", async () => {
    const { fetch, clock } = stuck(part, { totalTimeoutMs: 5000 });
    const failed = failureOf(fetch(target));
    await clock.advance(5000);
    expect(await failed).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("`totalTimeoutMs`") });
    expect(fetch.rotator.inFlight).toBe(0);
    // What still runs is the bound on the function itself.
    expect(clock.pendingTimers).toBe(1);
  });

  it("ends at the call's deadline, and says so", async () => {
    const { fetch, clock } = stuck(part, { totalTimeoutMs: 9000 });
    const failed = failureOf(fetch.with({ deadline: clock.wall() + 2000 })(target));
    await clock.advance(2000);
    expect(await failed).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("`deadline`") });
  });
});

describe("a call whose secret function fails", () => {
  const broken = (): never => {
    throw new Error("vault closed");
  };

  it("is answered 503 with a message that says so, where no other key is left", async () => {
    const clock = new FakeClock();
    const fetch = createRotatingFetch({
      keys: [{ id: "a", secret: broken }],
      baseURL: origin,
      clock,
      maxWaitMs: 0,
      fetch: async () => ok(),
    });
    const response = await fetch(target);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("secret could not be fetched");
  });

  it("ends with the failure as its cause under `throw`", async () => {
    const fetch = createRotatingFetch({
      keys: [{ id: "a", secret: broken }],
      baseURL: origin,
      clock: new FakeClock(),
      maxWaitMs: 0,
      onExhausted: "throw",
      fetch: async () => ok(),
    });
    const { cause } = await failureOf(fetch(target));
    expect(KeySourceError.isInstance(cause)).toBe(true);
    expect(((cause as Error).cause as Error).message).toBe("vault closed");
  });

  it("is served by another key", async () => {
    const keys = [{ id: "a", secret: broken }, newSecret()];
    const fetch = createRotatingFetch({ keys, baseURL: origin, clock: new FakeClock(), fetch: async () => ok() });
    expect((await fetch(target)).status).toBe(200);
  });
});

describe("a secret function that hangs", () => {
  it("is given up after 10 s: another key serves, and the next request asks it anew", async () => {
    let asked = 0;
    const clock = new FakeClock();
    const later = newSecret();
    const hanging = (): Promise<string> => (++asked === 1 ? never() : Promise.resolve(later));
    const fetch = createRotatingFetch({
      keys: [{ id: "a", secret: hanging }, newSecret()],
      baseURL: origin,
      strategy: "fill_first",
      clock,
      fetch: async () => ok(),
    });
    const failed: unknown[] = [];
    fetch.rotator.on("internal-error", ({ part, keyId }) => failed.push([part, keyId]));
    const call = fetch(target, post());
    await clock.advance(10_000);
    expect((await call).status).toBe(200);
    expect(failed).toEqual([["secret", "a"]]);
    await clock.advance(60_000);
    const used: string[] = [];
    fetch.rotator.on("key-selected", ({ keyId }) => used.push(keyId));
    await fetch(target, post());
    expect([asked, used]).toEqual([2, ["a"]]);
  });

  it("sends nothing with another key once the caller's time is over, whenever timers fire", async () => {
    const secret = newSecret();
    let sent = 0;
    for (let round = 0; round < 20; round++) {
      const fetch = createRotatingFetch({
        keys: [{ id: "a", secret: never }, secret],
        baseURL: origin,
        strategy: "fill_first",
        totalTimeoutMs: 5,
        fetch: async () => {
          sent++;
          return ok();
        },
      });
      const parts: unknown[] = [];
      fetch.rotator.on("internal-error", ({ part }) => parts.push(part));
      expect(await failureOf(fetch(target, post()))).toMatchObject({ name: "TimeoutError" });
      expect(parts).toEqual([]);
    }
    expect(sent).toBe(0);
  });
});

describe("a key source that hangs", () => {
  it("is given up after 30 s, and the next request asks it anew", async () => {
    let asked = 0;
    const clock = new FakeClock();
    const secret = newSecret();
    const keys = (): Promise<string[]> => (++asked === 1 ? never() : Promise.resolve([secret]));
    const fetch = createRotatingFetch({ keys, baseURL: origin, clock, fetch: async () => ok() });
    const failed = failureOf(fetch(target));
    await clock.advance(30_000);
    expect(KeySourceError.isInstance(await failed)).toBe(true);
    expect((await fetch(target)).status).toBe(200);
  });
});

describe("a request that no runtime would send", () => {
  it.each<[string, string, RequestInit]>([
    ["a GET with a body", target, { method: "GET", body: "x" }],
    ["a header with a line break", target, { headers: { "x-note": "a\nb" } }],
    ["a method that is none", target, { method: "A B" }],
    ["user info in the URL", target.replace("//", "//me:mine@"), {}],
  ])("fails at once with fetch's own error: %s", async (_what, url, init) => {
    let calls = 0;
    const { fetch, rotator } = rig(ok, {
      fetch: (input, sent) => {
        calls++;
        return globalThis.fetch(input, sent);
      },
    });
    const failed = await failureOf(fetch(url, init));
    expect(failed).toBeInstanceOf(TypeError);
    expect(calls).toBe(1);
    expect((await rotator.snapshot()).keys.map(({ state, failures }) => [state, failures])).toEqual([
      ["ready", 0],
      ["ready", 0],
    ]);
  });

  it("is told from a connection that failed", async () => {
    const { fetch, sent, clock } = rig((_sent, number) =>
      number === 1 ? Promise.reject(networkError("ECONNREFUSED")) : ok(),
    );
    const call = fetch(target, post());
    await clock.advance(5000);
    expect((await call).status).toBe(200);
    expect(sent).toHaveLength(2);
  });
});

describe("the request's name", () => {
  it("is the same in every event of a request, also where waiting comes first", async () => {
    const { fetch, rotator, clock } = rig(ok, { keyCount: 1, limits: [{ requests: 1, per: 1000 }], maxWaitMs: 5000 });
    const names: string[] = [];
    for (const event of ["request-queued", "key-selected", "attempt-succeeded"] as const) {
      rotator.on(event, ({ requestId }) => names.push(requestId));
    }
    await fetch(target);
    names.length = 0;
    const waiting = fetch(target);
    await clock.advance(2000);
    await waiting;
    expect(names).toHaveLength(3);
    expect(new Set(names).size).toBe(1);
    expect(names[0]).not.toBe("");
  });

  it("is there when a pool is exhausted at once", async () => {
    const { fetch, rotator } = rig(ok, { keyCount: 1, limits: [{ requests: 1, per: "hour" }] });
    const names: string[] = [];
    rotator.on("pool-exhausted", ({ requestId }) => names.push(requestId));
    await fetch(target);
    await fetch(target);
    await fetch(target);
    expect(new Set(names).size).toBe(2);
  });
});
