import { describe, expect, it } from "vitest";
import { roundRobin } from "../../../src/pool/strategies/round-robin.ts";
import { orderOf, picks } from "./fixture.ts";

describe("roundRobin", () => {
  it("takes one after the other", () => {
    expect(picks(orderOf(roundRobin, 3), 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it("puts one that comes back at the end", () => {
    const world = orderOf(roundRobin, 3);
    world.order.remove(1);
    expect(picks(world, 1)).toEqual([0]);
    world.order.add(1);
    expect(picks(world, 3)).toEqual([2, 0, 1]);
  });

  it("changes nothing by being asked", () => {
    const { order } = orderOf(roundRobin, 3);
    expect([order.first(), order.first(), order.list(3), order.first()]).toEqual([0, 0, [0, 1, 2], 0]);
  });
});
