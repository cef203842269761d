import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { weighted } from "../../../src/pool/strategies/weighted.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { orderOf, picks, tally } from "./fixture.ts";

describe("weighted", () => {
  it.each([[[1, 1, 1]], [[5, 1, 1]], [[1, 2, 3, 4]], [[8, 4, 2, 1]], [[10, 1]], [[3, 3, 2]], [[7, 5, 3, 1, 1]]])(
    "gives exact shares to the weights %j over many cycles",
    (weights) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = tally(picks(orderOf(weighted, weights.length, { weights }), total * 100), weights.length);
      for (const [slot, weight] of weights.entries()) {
        expect(Math.abs((counts[slot] as number) - weight * 100)).toBeLessThanOrEqual(2);
      }
    },
  );

  it("gives exact shares over a single cycle where weights are simple", () => {
    expect(tally(picks(orderOf(weighted, 3, { weights: [5, 1, 1] }), 7), 3)).toEqual([5, 1, 1]);
  });

  it("spreads a heavy one instead of taking it many times in a row", () => {
    const slots = picks(orderOf(weighted, 3, { weights: [5, 1, 1] }), 70);
    expect(slots.join("")).not.toMatch(/00000/);
    const even = picks(orderOf(weighted, 2, { weights: [2, 1] }), 30);
    expect(even.join("")).not.toMatch(/000|11/);
  });

  it("keeps the shares of any weights", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 2, maxLength: 8 }),
        (weights) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const rounds = 5000;
          const counts = tally(picks(orderOf(weighted, weights.length, { weights }), rounds), weights.length);
          for (const [slot, weight] of weights.entries()) {
            expect(Math.abs((counts[slot] as number) / rounds - weight / total)).toBeLessThan(0.01);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("keeps the shares of those that stay while others come and go", () => {
    const world = orderOf(weighted, 4, { weights: [4, 2, 1, 1] });
    const counts = [0, 0, 0, 0];
    const random = seededRandom(5);
    for (let round = 0; round < 4000; round++) {
      if (random() < 0.1) world.order.remove(3);
      if (random() < 0.1) world.order.add(3);
      const [slot] = picks(world, 1) as [number];
      counts[slot] = (counts[slot] as number) + 1;
    }
    const [first, second, third] = counts as [number, number, number, number];
    expect(Math.abs(first / second - 2)).toBeLessThan(0.2);
    expect(Math.abs(second / third - 2)).toBeLessThan(0.4);
  });
});
