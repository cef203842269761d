import { describe, expect, it } from "vitest";
import { KeyRotator } from "../../../src/named/key-rotator.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { named, settled } from "../rotator/fixture.ts";
import { type Door, SharedStore } from "../rotator/shared-store.ts";

const leaseMs = 9000;

/** Two processes that share one key, one request at a time. */
function crew(): { clock: FakeClock; one: KeyRotator; other: KeyRotator; door: Door } {
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const store = new SharedStore(clock);
  const keys = named("a");
  const begin = (door: Door): KeyRotator =>
    new KeyRotator({ keys, limits: [{ concurrency: 1 }], clock, store: door, guardMs: 0, leaseMs });
  const door = store.door();
  return { clock, one: begin(door), other: begin(store.door()), door };
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await clock.advance(500);
    await settled();
  }
}

async function isRefused(rotator: KeyRotator): Promise<boolean> {
  try {
    (await rotator.acquire({ maxWaitMs: 0 })).settle({ outcome: "success" });
    return false;
  } catch {
    return true;
  }
}

describe("leases over a shared store", () => {
  it("keep a request its place for longer than `leaseMs`", async () => {
    const { clock, one, other, door } = crew();
    const slow = await one.acquire({ maxWaitMs: 0 });
    await pass(clock, 5 * leaseMs);
    expect(await isRefused(other)).toBe(true);
    expect(door.renewed).toBe(15);
    slow.settle({ outcome: "success" });
    await settled();
    expect(await isRefused(other)).toBe(false);
  });

  it("come back within the lease from a process that renews nothing any more", async () => {
    const { clock, one, other, door } = crew();
    await one.acquire({ maxWaitMs: 0 });
    door.renew = () => new Promise(() => {});
    await pass(clock, leaseMs);
    expect(await isRefused(other)).toBe(false);
  });

  it("have one timer while anything is in flight, and none otherwise", async () => {
    const { clock, one } = crew();
    const lease = await one.acquire({ maxWaitMs: 0 });
    expect(clock.pendingTimers).toBe(1);
    lease.settle({ outcome: "success" });
    await settled();
    expect(clock.pendingTimers).toBe(0);
  });

  it("are renewed by nobody once the rotator is closed", async () => {
    const { clock, one, door } = crew();
    await one.acquire({ maxWaitMs: 0 });
    await one.close();
    await pass(clock, leaseMs);
    expect([door.renewed, clock.pendingTimers]).toEqual([0, 0]);
  });
});
