import { describe, expect, it } from "vitest";
import type { Lease } from "../../../src/pool/lease.ts";
import { portOf } from "../../../src/pool/pool-port.ts";
import type { AcquireRequest } from "../../../src/pool/rotator-options.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";
import { judged, named, RotatorWorld, rateLimit, settled, storeKinds, watch } from "./fixture.ts";

/** Answers after 20 ms, and serves so many in a window; whom it refuses it tells when the window ends. */
class Upstream {
  readonly #world: RotatorWorld;
  readonly #most: number;
  readonly #windowMs: number;
  readonly #at: number[] = [];
  sent = 0;
  readonly served: number[] = [];

  constructor(world: RotatorWorld, most: number, windowMs: number) {
    this.#world = world;
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** Until it is served. */
  async call(number: number, request?: AcquireRequest): Promise<void> {
    for (;;) {
      const lease = await this.#world.take({ maxWaitMs: 3_600_000, ...request });
      this.sent++;
      const refusedForMs = this.#enter();
      await new Promise<void>((resolve) => this.#world.clock.timer(resolve, 20));
      if (refusedForMs === 0) {
        lease.settle({ outcome: "success" });
        this.served.push(number);
        return;
      }
      lease.settle({ outcome: "failure", classification: rateLimit(refusedForMs) });
    }
  }

  #enter(): number {
    const now = this.#world.clock.monotonic();
    while (this.#at.length > 0 && (this.#at[0] as number) + this.#windowMs <= now) this.#at.shift();
    if (this.#at.length >= this.#most) return (this.#at[0] as number) + this.#windowMs - now;
    this.#at.push(now);
    return 0;
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, place) => place);

describe.each(storeKinds)("what comes back from a cooldown, over $name", ({ makeStore }) => {
  /** A key's cooldown has just ended. */
  const back = async (...ids: string[]): Promise<RotatorWorld> => {
    const world = new RotatorWorld(makeStore, named(...ids));
    for (const id of ids) await world.failKey(id, rateLimit(1000));
    await world.advance(1200);
    return world;
  };

  it("serves forty waiters of a key that serves five in two seconds with sixty requests, in their order", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", rateLimit(2000));
    const upstream = new Upstream(world, 5, 2000);
    const calls = numbers(40).map((number) => upstream.call(number));
    for (let step = 0; step < 600; step++) await world.advance(50);
    await Promise.all(calls);
    expect(upstream.served.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(upstream.sent).toBeLessThanOrEqual(60);
  });

  it("serves a crowd without delay where there was nothing behind the refusal", async () => {
    const world = await back("a");
    const upstream = new Upstream(world, 1_000_000, 2000);
    const calls = numbers(100).map((number) => upstream.call(number));
    let ms = 0;
    for (; upstream.served.length < 100 && ms < 5000; ms += 20) await world.advance(20);
    expect(ms).toBeLessThan(1000);
    await Promise.all(calls);
    expect(upstream.sent).toBe(100);
  });

  it("lets another one through in place of one that ends without proof", async () => {
    const world = await back("a");
    const first = await world.take();
    const second = watch(world.take());
    await settled();
    expect(second.isDone).toBe(false);
    first.settle({ outcome: "aborted", sent: "no" });
    await settled();
    expect(second.isDone).toBe(true);
    const third = watch(world.take());
    second.value?.settle({ outcome: "failure", classification: judged({ kind: "bad_request", scope: "request" }) });
    await settled();
    expect(third.isDone).toBe(true);
  });

  it("holds up nobody for a lease that is never given back", async () => {
    const world = await back("a");
    await world.take();
    const second = watch(world.take());
    await world.advance(900);
    expect(second.isDone).toBe(false);
    await world.advance(400);
    expect(second.isDone).toBe(true);
  });

  it("sends who has waited as long as it may", async () => {
    const world = await back("a");
    const first = await world.take();
    const second = watch(world.take({ maxWaitMs: 200 }));
    await world.advance(190);
    expect(second.isDone).toBe(false);
    await world.advance(20);
    expect(second.value?.keyId).toBe("a");
    for (const lease of [first, second.value as Lease]) await world.succeed(lease);
    expect([world.rotator.waiting, world.rotator.inFlight, world.clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it("asks each of several for one, and lets none of them stand idle", async () => {
    const world = await back("a", "b", "c");
    const some = numbers(9).map(() => watch(world.take()));
    await settled();
    const leases = some.flatMap(({ value }) => value ?? []);
    expect(leases.map(({ keyId }) => keyId).sort()).toEqual(["a", "b", "c"]);
    for (const lease of leases) await world.succeed(lease);
    expect(some.every(({ isDone }) => isDone)).toBe(true);
  });

  it("holds back neither another model of the account nor another key of it", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", judged({ scope: "model", retryAfterMs: 1000 }), { model: "m" });
    await world.advance(1200);
    const some = numbers(4).map(() => watch(world.take({ model: "n" })));
    const others = numbers(4).map(() => watch(world.take({ model: "m" })));
    await settled();
    expect(some.filter(({ isDone }) => isDone)).toHaveLength(4);
    expect(others.filter(({ isDone }) => isDone)).toHaveLength(1);

    const pair = new RotatorWorld(
      makeStore,
      named("k", "l").map((key) => ({ ...key, account: "both" })),
    );
    await pair.failKey("k", judged({ sharedBy: "key", retryAfterMs: 1000 }));
    await pair.advance(1200);
    const leases = numbers(6).map(() => watch(pair.take()));
    await settled();
    const ids = leases.map(({ value }) => value?.keyId);
    expect(ids).not.toContain(undefined);
    expect(ids.filter((id) => id === "k").length).toBeLessThanOrEqual(1);
  });

  it("lets all through together where a window was only counted down to nothing", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.store.cooldown([
      { scope: "account:generic/a", set: { forMs: 1000 }, reason: "no_quota_left", source: "heuristic" },
    ]);
    const some = numbers(8).map(() => watch(world.take()));
    await world.advance(1300);
    expect(some.filter(({ isDone }) => isDone)).toHaveLength(8);
  });

  it("keeps nothing of keys and accounts that have left the pool", async () => {
    const world = new RotatorWorld(makeStore, named("stays"));
    const { breakers } = portOf(world.rotator).readiness;
    for (let round = 0; round < 20; round++) {
      for (const id of ["x", "y"])
        world.rotator.add({ id: `${id}${round}`, secret: newSecret(), account: `both${round}` });
      await world.failKey(`x${round}`, judged({ sharedBy: "key", retryAfterMs: 1000 }));
      await world.failKey(`y${round}`, judged({ scope: "model", retryAfterMs: 1000 }), { model: "m" });
      for (const id of ["x", "y"]) world.rotator.remove(`${id}${round}`);
      await settled();
    }
    expect(breakers.size).toBe(0);
  });
});
