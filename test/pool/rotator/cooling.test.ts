import { describe, expect, it } from "vitest";
import { portOf } from "../../../src/pool/pool-port.ts";
import { invalidKey, judged, named, RotatorWorld, rateLimit, storeKinds } from "./fixture.ts";

const hourMs = 3_600_000;

/** How long each cooldown is, in minutes. */
function restsOf(world: RotatorWorld): readonly number[] {
  const rests: number[] = [];
  world.rotator.on("key-cooled", ({ forMs }) => rests.push(forMs / 60_000));
  return rests;
}

describe.each(storeKinds)("KeyRotator cooling keys over $name", ({ makeStore }) => {
  it("moves to another key at once and leaves a refused one alone for as long as the provider said", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    await world.failKey("a", rateLimit(5000));
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    await world.advance(4990);
    expect(await world.ids(2)).toEqual(["b", "b"]);
    await world.advance(120);
    expect(await world.ids(2)).toContain("a");
  });

  it("doubles the rest of a key that is refused again without a time, and forgets that after a success", async () => {
    const world = new RotatorWorld(makeStore, named("a"), { cooldownMs: 1000 });
    const rests: number[] = [];
    world.rotator.on("key-cooled", ({ forMs }) => rests.push(Math.round(forMs)));
    for (let round = 0; round < 4; round++) {
      if (round === 3) await world.ids(1);
      await world.failKey("a");
      await world.advance(20_000);
    }
    for (const [place, baseMs] of [1000, 2000, 4000, 1000].entries()) {
      expect(rests[place]).toBeGreaterThanOrEqual(baseMs);
      expect(rests[place]).toBeLessThanOrEqual(baseMs * 1.2);
    }
  });

  it("never cools down longer than the longest cooldown without a stated time, but as long as is stated", async () => {
    const world = new RotatorWorld(makeStore, named("a"), { cooldownMs: 1000, maxCooldownMs: 3000 });
    for (let round = 0; round < 5; round++) {
      await world.failKey("a");
      await world.advance(3700);
    }
    await world.failKey("a", rateLimit(40_000));
    expect((await world.exhausted()).retryAfterMs).toBeGreaterThan(39_000);
  });

  it("puts nothing into cooldown for what only the request met, whatever was said of it", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    for (const kind of ["rate_limit", "quota_exhausted", "forbidden", "invalid_key", "overloaded"] as const) {
      await world.failKey("a", judged({ kind, scope: "request", sharedBy: "request", retryAfterMs: 60_000 }));
      expect(await world.ids(1)).toEqual(["a"]);
    }
  });

  it("believes a delay of nothing once, and then asks less and less", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      await world.failKey("a", rateLimit(0));
      waits.push((await world.exhausted()).retryAfterMs ?? 0);
      await world.advance(20_000);
    }
    for (const [place, leastMs] of [80, 320, 1280, 5120].entries()) expect(waits[place]).toBeGreaterThan(leastMs);
    expect(waits[0]).toBeLessThan(200);
  });

  it("rests a day's limit that states no end for a quarter of an hour at first, then ever longer", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const rests = restsOf(world);
    for (let refusal = 0; refusal < 5; refusal++) {
      await world.failKey("a", judged({ window: "day" }));
      await world.advance(3 * hourMs);
    }
    for (const [place, minutes] of [15, 30, 60, 120, 120].entries())
      expect(Math.abs((rests[place] ?? 0) - minutes)).toBeLessThanOrEqual(minutes * 0.1);
  });

  it("rests an account for an hour on words about its balance, and for a minute on a bare status", async () => {
    const rested = async (strength: "certain" | "likely"): Promise<number | undefined> => {
      const world = new RotatorWorld(makeStore, named("a"));
      const rests = restsOf(world);
      await world.failKey("a", judged({ kind: "quota_exhausted", scope: "account", strength }));
      return rests[0];
    };
    expect(await rested("certain")).toBeGreaterThan(50);
    expect(await rested("likely")).toBeLessThan(2);
  });

  it("does not punish a key more for requests that were under way when it was refused", async () => {
    const world = new RotatorWorld(makeStore, named("a"), { cooldownMs: 1000 });
    const leases = await Promise.all(Array.from({ length: 8 }, () => world.take()));
    for (const lease of leases) await world.fail(lease);
    expect((await world.exhausted()).retryAfterMs).toBeLessThanOrEqual(1300);
  });

  it("lets the keys of one account share a cooldown", async () => {
    const [a, b, c] = named("a", "b", "c");
    const keys = [{ ...a, account: "shared" }, { ...b, account: "shared" }, { ...c }] as never;
    const world = new RotatorWorld(makeStore, keys);
    await world.failKey("a", rateLimit(5000));
    expect(await world.ids(3)).toEqual(["c", "c", "c"]);
  });

  it("leaves a sibling usable when only the key was refused", async () => {
    const [a, b] = named("a", "b");
    const keys = [
      { ...a, account: "shared" },
      { ...b, account: "shared" },
    ] as never;
    const world = new RotatorWorld(makeStore, keys);
    await world.failKey("a", judged({ sharedBy: "key", retryAfterMs: 5000 }));
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    await world.failKey("b", judged({ sharedBy: "key", retryAfterMs: 9000 }));
    expect((await world.exhausted()).retryAfterMs).toBeLessThanOrEqual(5200);
    await world.advance(5200);
    expect(await world.ids(2)).toEqual(["a", "a"]);
  });

  it("leaves a sibling usable when a credential was refused", async () => {
    const [a, b] = named("a", "b");
    const keys = [
      { ...a, account: "shared" },
      { ...b, account: "shared" },
    ] as never;
    const world = new RotatorWorld(makeStore, keys);
    await world.failKey("a", invalidKey);
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
  });

  it("rests one model of an account and leaves the others usable", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const lease = await world.take({ model: "big" });
    await world.fail(lease, judged({ scope: "model", retryAfterMs: 5000 }));
    await world.exhausted({ model: "big", maxWaitMs: 0 });
    expect(await world.ids(1, { model: "small" })).toEqual(["a"]);
    expect(await world.ids(1)).toEqual(["a"]);
    await world.advance(5200);
    expect(await world.ids(1, { model: "big" })).toEqual(["a"]);
  });

  it("lets an empty account sleep for an hour or more", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", judged({ kind: "quota_exhausted", scope: "account", retryable: false }));
    const [cooldown] = (await world.rotator.snapshot()).keys[0]?.cooldowns ?? [];
    expect(cooldown?.endsInMs).toBeGreaterThanOrEqual(hourMs - 1);
    // The caller may come back for the next re-check.
    expect((await world.exhausted()).retryAfterMs).toBeLessThanOrEqual(hourMs / 4);
  });

  it("re-checks an empty account with one live request at a time, and believes its success", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const billing = judged({ kind: "quota_exhausted", scope: "account", retryable: false });
    await world.failKey("a", billing);
    expect(await world.ids(4)).toEqual(["b", "b", "b", "b"]);
    await world.advance(hourMs / 4 + 1000);
    const during = [await world.take(), await world.take(), await world.take(), await world.take()];
    const probes = during.filter(({ keyId }) => keyId === "a");
    expect(probes).toHaveLength(1);
    for (const lease of during) await world.succeed(lease);
    expect((await world.ids(4)).filter((id) => id === "a").length).toBeGreaterThan(0);
  });

  it("keeps an empty account asleep when the re-check is refused", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const billing = judged({ kind: "quota_exhausted", scope: "account", retryable: false });
    await world.failKey("a", billing);
    await world.advance(hourMs / 4 + 1000);
    const during = [await world.take(), await world.take()];
    for (const lease of during) {
      if (lease.keyId === "a") await world.fail(lease, billing);
      else await world.succeed(lease);
    }
    expect(await world.ids(4)).toEqual(["b", "b", "b", "b"]);
  });

  it.each([
    ["bad_request", "request"],
    ["content_filter", "request"],
    ["context_length", "request"],
    ["server_error", "provider"],
    ["overloaded", "provider"],
    ["timeout", "request"],
    ["network", "request"],
    ["aborted", "request"],
  ] as const)("blames no key for %s", async (kind, scope) => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", judged({ kind, scope, sharedBy: scope, failover: false }));
    expect(await world.ids(2, { maxWaitMs: 0 })).toEqual(["a", "a"]);
  });

  it("blames no key for a lease that was given back unused", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const lease = await world.take();
    lease.settle({ outcome: "aborted", sent: "no" });
    expect(await world.ids(1, { maxWaitMs: 0 })).toEqual(["a"]);
    expect((await world.rotator.snapshot()).keys[0]?.failures).toBe(0);
  });

  it("tells of a cooldown and of its early end", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const told: unknown[] = [];
    world.rotator.on("key-cooled", ({ scope, source, reason }) => told.push([scope, source, reason]));
    world.rotator.on("key-recovered", ({ scope }) => told.push([scope, "recovered"]));
    await world.failKey("a", rateLimit(5000));
    await world.rotator.cooldown("b", 60_000, "maintenance");
    await world.rotator.cooldown("b", "end");
    expect(told).toEqual([
      ["account:a", "authoritative", "rate_limit"],
      ["key:b", "operator", "maintenance"],
      ["key:b", "recovered"],
    ]);
  });

  it("rests a key on an operator's word until it is ended", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    await world.rotator.cooldown("a", 60_000);
    expect(await world.ids(2)).toEqual(["b", "b"]);
    await world.rotator.cooldown("a", "end");
    expect(await world.ids(2)).toContain("a");
    expect(await world.rotator.cooldown("nobody", 5)).toBe(false);
  });

  it.each([Number.NaN, "5s", undefined, {}, null, -1, 0, Number.POSITIVE_INFINITY, "END"])(
    "neither begins nor ends a cooldown for an operator who says %s",
    async (forMs) => {
      const world = new RotatorWorld(makeStore, named("a"));
      await world.rotator.cooldown("a", 60_000);
      const error = await world.rotator.cooldown("a", forMs as number).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS", field: "forMs" });
      expect((error as Error).message).toMatch(
        /^Expected `forMs` to be a finite number of milliseconds > 0, or "end", got /,
      );
      expect((await world.exhausted()).retryAfterMs).toBeGreaterThanOrEqual(60_000);
    },
  );

  it("takes back what a request at fault put into cooldown", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const lease = await world.take();
    await world.fail(lease, judged({ kind: "forbidden", sharedBy: "key" }));
    const pool = portOf(world.rotator);
    pool.follow([{ undo: pool.factsOf(lease) }], lease);
    expect(await world.ids(1)).toEqual(["a"]);
  });

  it("keeps a cooldown longer than a timer can hold", async () => {
    const days = 24 * hourMs;
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", rateLimit(26 * days));
    const waiting = world.take({ maxWaitMs: 30 * days });
    await world.advance(25 * days);
    expect(world.rotator.waiting).toBe(1);
    await world.advance(1.01 * days);
    expect((await waiting).keyId).toBe("a");
  }, 180_000);
});

describe.each(storeKinds)("KeyRotator without a key over $name", ({ makeStore }) => {
  it("says 429 and when to come back while a key will recover", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    await world.failKey("a", rateLimit(5000));
    await world.failKey("b", rateLimit(9000));
    await world.failKey("c", invalidKey);
    const error = await world.exhausted();
    expect(error).toMatchObject({ status: 429, statusCode: 429, code: "ERR_ALL_KEYS_EXHAUSTED" });
    expect(error.reasons).toEqual({ limited: 2, credential: 1, disabled: 0, unsuitable: 0 });
    expect(error.retryAfterMs).toBeGreaterThan(4900);
    expect(error.retryAfterMs).toBeLessThan(5200);
    expect(error.retryAt).toBe(world.clock.wall() + (error.retryAfterMs as number));
  });

  it("says 401 when every credential was refused", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    await world.failKey("a", invalidKey);
    await world.failKey("b", invalidKey);
    expect(await world.exhausted()).toMatchObject({
      status: 401,
      reasons: { limited: 0, credential: 2, disabled: 0, unsuitable: 0 },
    });
  });

  it("says 503 when every key is switched off", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    world.rotator.disable("a");
    world.rotator.disable("b");
    expect(await world.exhausted()).toMatchObject({
      status: 503,
      retryAfterMs: null,
      retryAt: null,
      reasons: { limited: 0, credential: 0, disabled: 2, unsuitable: 0 },
    });
  });

  it("tells who listens, with reasons and without secrets", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const told: unknown[] = [];
    world.rotator.on("pool-exhausted", (event) => told.push(event));
    await world.failKey("a", rateLimit(5000));
    await world.exhausted({ maxWaitMs: 0, requestId: "r-1" });
    expect(told).toMatchObject([{ requestId: "r-1", reasons: { limited: 1 } }]);
  });
});
