import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/testing/seeded-random.ts";

const take = (count: number, random: () => number): number[] => Array.from({ length: count }, random);

describe("seededRandom", () => {
  it("repeats itself for one seed and differs for another", () => {
    expect(take(20, seededRandom(7))).toEqual(take(20, seededRandom(7)));
    expect(take(20, seededRandom(7))).not.toEqual(take(20, seededRandom(8)));
  });

  it("spreads evenly over [0, 1)", () => {
    const tenths = new Array<number>(10).fill(0);
    for (const value of take(10_000, seededRandom(1))) tenths[Math.floor(value * 10)]! += 1;
    expect(tenths).toHaveLength(10);
    expect(Math.min(...tenths)).toBeGreaterThan(850);
    expect(Math.max(...tenths)).toBeLessThan(1_150);
  });
});
