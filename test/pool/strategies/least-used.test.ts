import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastUsed } from "../../../src/pool/strategies/least-used.ts";
import { orderOf, picks, tally } from "./fixture.ts";

describe("leastUsed", () => {
  it("never lets uses differ by more than one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 60 }), (count, rounds) => {
        const counts = tally(picks(orderOf(leastUsed, count), rounds), count);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("catches up when somebody was given a request out of turn", () => {
    const world = orderOf(leastUsed, 3);
    world.order.took(2);
    expect(picks(world, 2)).toEqual([0, 1]);
  });

  it("does not drown one that comes back in all it missed", () => {
    const world = orderOf(leastUsed, 3);
    world.order.remove(0);
    picks(world, 100);
    world.order.add(0);
    const counts = tally(picks(world, 30), 3);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });
});
