import { describe, expect, it } from "vitest";
import { lowestLatency } from "../../../src/pool/strategies/lowest-latency.ts";
import { type OrderUnderTest, orderOf } from "./fixture.ts";

/** Each answers after its own time; the latency is measured as the rotator does. */
function serve(world: OrderUnderTest, count: number, answersAfterMs: readonly number[]): number[] {
  const counts = new Array<number>(answersAfterMs.length).fill(0);
  for (let round = 0; round < count; round++) {
    const slot = world.order.first();
    world.order.took(slot);
    world.clock.advanceSync(10);
    world.groups.usedAt[slot] = world.clock.monotonic();
    world.groups.latencies[slot] = answersAfterMs[slot] as number;
    counts[slot] = (counts[slot] as number) + 1;
  }
  return counts;
}

describe("lowestLatency", () => {
  it("tries each once, then stays with the quickest", () => {
    const counts = serve(orderOf(lowestLatency, 4), 100, [400, 50, 300, 200]);
    expect(counts).toEqual([1, 97, 1, 1]);
  });

  it("tries a slow one again after a while", () => {
    const world = orderOf(lowestLatency, 2);
    serve(world, 10, [50, 500]);
    world.groups.usedAt[0] = world.clock.monotonic() + 120_000;
    world.clock.advanceSync(120_000);
    expect(world.order.first()).toBe(1);
  });

  it("weighs the time with the requests under way", () => {
    const world = orderOf(lowestLatency, 2);
    serve(world, 10, [50, 90]);
    const now = world.clock.monotonic();
    world.groups.usedAt[0] = now;
    world.groups.usedAt[1] = now;
    world.groups.busy[0] = 3;
    expect(world.order.first()).toBe(1);
  });

  it("gives the quickest of many more than its share and starves nobody of a first try", () => {
    const answers = Array.from({ length: 20 }, (_, slot) => (slot === 7 ? 20 : 200));
    const counts = serve(orderOf(lowestLatency, 20), 2000, answers);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts[7]).toBe(Math.max(...counts));
  });
});
