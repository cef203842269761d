import { describe, expect, it } from "vitest";
import { fillFirst } from "../../../src/pool/strategies/fill-first.ts";
import { orderOf, picks } from "./fixture.ts";

describe("fillFirst", () => {
  it("stays with the first in the list", () => {
    expect(picks(orderOf(fillFirst, 5), 4)).toEqual([0, 0, 0, 0]);
  });

  it("moves on while the first has no room, and back as soon as it has", () => {
    const world = orderOf(fillFirst, 3);
    world.order.remove(0);
    expect(picks(world, 2)).toEqual([1, 1]);
    world.order.add(0);
    expect(picks(world, 1)).toEqual([0]);
  });

  it("finds the first of many thousands", () => {
    const { order } = orderOf(fillFirst, 5000);
    for (let slot = 0; slot < 4321; slot++) order.remove(slot);
    expect([order.first(), order.list(3)]).toEqual([4321, [4321, 4322, 4323]]);
    order.add(77);
    expect(order.first()).toBe(77);
  });
});
