import { describe, expect, it } from "vitest";
import type { RotatorOptions } from "../../../src/named/options.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { named, RotatorWorld, type StoreKind, settled, storeKinds } from "./fixture.ts";

/** Takes whatever is given in steps of `stepMs`; returns when each key was given. */
async function saturate(world: RotatorWorld, lastsMs: number, stepMs: number): Promise<Map<string, number[]>> {
  const takenAt = new Map<string, number[]>();
  const until = world.clock.monotonic() + lastsMs;
  while (world.clock.monotonic() < until) {
    for (;;) {
      const lease = await world.take({ maxWaitMs: 0 }).catch(() => undefined);
      if (lease === undefined) break;
      const times = takenAt.get(lease.keyId) ?? [];
      times.push(world.clock.monotonic());
      takenAt.set(lease.keyId, times);
      lease.answered();
      lease.settle({ outcome: "success" });
      await settled();
    }
    world.clock.advanceSync(stepMs);
  }
  return takenAt;
}

function mostWithin(times: readonly number[], windowMs: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

async function countUntilRefused(world: RotatorWorld): Promise<number> {
  for (let count = 0; count < 100; count++) {
    const lease = await world.take({ maxWaitMs: 0 }).catch(() => undefined);
    if (lease === undefined) return count;
    await world.succeed(lease);
  }
  throw new Error("Nothing held back");
}

describe.each(storeKinds)("KeyRotator with declared limits over $name", ({ makeStore }) => {
  const worldOf = (keys: RotatorOptions["keys"], options: ConstructorParameters<typeof RotatorWorld>[2] = {}) =>
    new RotatorWorld(makeStore as StoreKind["makeStore"], keys, options);

  it("holds a rolling limit for every key in any half-open span, and uses nearly all of it", async () => {
    const world = worldOf(named("a", "b"), { limits: [{ requests: 5, per: "second" }] });
    const takenAt = await saturate(world, 6000, 50);
    for (const id of ["a", "b"]) {
      const times = takenAt.get(id) ?? [];
      expect(mostWithin(times, 1000)).toBe(5);
      expect(times.length).toBeGreaterThanOrEqual(28);
    }
  });

  it("takes a request that was given up before its answer to have been counted as late as may be", async () => {
    const world = worldOf(named("a"), { limits: [{ requests: 1, per: 1000 }], guardMs: 100 });
    const lease = await world.take();
    await world.clock.advance(2);
    lease.settle({ outcome: "aborted", sent: "unknown" });
    await settled();
    await world.clock.advance(1050);
    await world.exhausted();
    // The first request may have had to open a connection, which takes its time as well.
    await world.clock.advance(1600);
    expect((await world.take({ maxWaitMs: 0 })).keyId).toBe("a");
  });

  it("holds several limits at once", async () => {
    const limits = [
      { requests: 2, per: "second" },
      { requests: 5, per: 10_000 },
    ] as const;
    const takenAt = (await saturate(worldOf(named("a"), { limits }), 9000, 100)).get("a") ?? [];
    expect(mostWithin(takenAt, 1000)).toBe(2);
    expect(takenAt).toHaveLength(5);
  });

  it("counts the keys of an account together unless told otherwise", async () => {
    const [a, b] = named("a", "b") as [never, never];
    const keys = [
      { ...(a as object), account: "shared" },
      { ...(b as object), account: "shared" },
    ] as never;
    expect(await countUntilRefused(worldOf(keys, { limits: [{ requests: 3 }] }))).toBe(3);
    expect(await countUntilRefused(worldOf(keys, { limits: [{ requests: 3, scope: "key" }] }))).toBe(6);
  });

  it("lets a key's own limit replace the pool's of the same id", async () => {
    const [a, b] = named("a", "b");
    const keys = [{ ...a, limits: [{ requests: 7 }] }, { ...b }] as never;
    expect(await countUntilRefused(worldOf(keys, { limits: [{ requests: 2 }] }))).toBe(9);
  });

  it("gives a daily limit again at midnight of its time zone, also when clocks change", async () => {
    const clock = new FakeClock({ wall: Date.parse("2026-03-08T20:00:00-07:00"), monotonic: 1_000_000 });
    const limits = [{ requests: 3, per: "day", window: "calendar", timeZone: "America/Los_Angeles" }] as const;
    const world = worldOf(named("a"), { clock, limits });
    expect(await countUntilRefused(world)).toBe(3);
    const { retryAfterMs } = await world.exhausted();
    expect(retryAfterMs).toBe(4 * 3_600_000 + 1000);
    await world.advance(4 * 3_600_000);
    expect(await countUntilRefused(world)).toBe(0);
    await world.advance(1100);
    expect(await countUntilRefused(world)).toBe(3);
    await world.advance(24 * 3_600_000);
    expect(await countUntilRefused(world)).toBe(3);
  });

  it("goes by the calendar also after a long sleep", async () => {
    const limits = [{ requests: 2, per: "hour", window: "calendar" }] as const;
    const world = worldOf(named("a"), { limits });
    expect(await countUntilRefused(world)).toBe(2);
    await world.advance(5.5 * 3_600_000);
    expect(await countUntilRefused(world)).toBe(2);
    await world.advance(40 * 3_600_000);
    expect(await countUntilRefused(world)).toBe(2);
  });

  it("holds a limit for two rotators that share a store", async () => {
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const store = makeStore(clock, seededRandom(3));
    const keys = named("a", "b");
    const worlds = [
      worldOf(keys, { clock, store, limits: [{ requests: 4 }] }),
      worldOf(keys, { clock, store, limits: [{ requests: 4 }] }),
    ];
    let count = 0;
    for (let round = 0; round < 10; round++) {
      for (const world of worlds) {
        const lease = await world.take({ maxWaitMs: 0 }).catch(() => undefined);
        if (lease === undefined) continue;
        count++;
        await world.succeed(lease);
      }
    }
    expect(count).toBe(8);
  });

  it("finds a free key at once where another rotator was quicker with those that came back", async () => {
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const store = makeStore(clock, seededRandom(3));
    const keys = named(...Array.from({ length: 30 }, (_, place) => `k${place}`));
    const options = { clock, store, limits: [{ requests: 1 }] };
    const [slow, quick] = [worldOf(keys, options), worldOf(keys, options)];
    for (let count = 0; count < 30; count++) await slow.ids(1);
    await slow.advance(61_500);
    for (let count = 0; count < 20; count++) await quick.ids(1);
    expect(await slow.ids(1, { maxWaitMs: 0 })).toHaveLength(1);
  });

  it("gives back what was not sent", async () => {
    const world = worldOf(named("a"), { limits: [{ requests: 1 }] });
    const lease = await world.take();
    lease.settle({ outcome: "failure", sent: "no" });
    await settled();
    expect(await world.ids(1, { maxWaitMs: 0 })).toEqual(["a"]);
  });

  it("keeps its count when a key gets a new secret", async () => {
    const world = worldOf(named("a"), { limits: [{ requests: 2 }] });
    await world.ids(1);
    world.rotator.replace("a", named("a")[0]?.secret as string);
    expect(await countUntilRefused(world)).toBe(1);
  });
});
