import { describe, expect, it } from "vitest";
import { leastBusy } from "../../../src/pool/strategies/least-busy.ts";
import { type OrderUnderTest, orderOf } from "./fixture.ts";

function setBusy({ order, groups }: OrderUnderTest, slot: number, busy: number): void {
  groups.busy[slot] = busy;
  order.busyChanged?.(slot);
}

describe("leastBusy", () => {
  it("picks the one with the fewest requests under way", () => {
    const world = orderOf(leastBusy, 3);
    setBusy(world, 0, 2);
    setBusy(world, 1, 1);
    setBusy(world, 2, 3);
    expect(world.order.list(3)).toEqual([1, 0, 2]);
    setBusy(world, 2, 0);
    expect(world.order.first()).toBe(2);
  });

  it("spreads requests that do not end", () => {
    const world = orderOf(leastBusy, 4);
    for (let count = 0; count < 12; count++) {
      const slot = world.order.first();
      world.order.took(slot);
      setBusy(world, slot, (world.groups.busy[slot] ?? 0) + 1);
    }
    expect(world.groups.busy).toEqual([3, 3, 3, 3]);
  });

  it("takes turns among those equally busy", () => {
    const { order } = orderOf(leastBusy, 3);
    const slots = Array.from({ length: 6 }, () => {
      const slot = order.first();
      order.took(slot);
      return slot;
    });
    expect(slots).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it("knows how busy one is that comes back", () => {
    const world = orderOf(leastBusy, 2);
    world.order.remove(0);
    world.groups.busy[0] = 5;
    world.order.add(0);
    expect(world.order.first()).toBe(1);
  });
});
