import { describe, expect, it } from "vitest";
import { random } from "../../../src/pool/strategies/random.ts";
import { orderOf, picks, tally } from "./fixture.ts";

describe("random", () => {
  it("picks each about as often as the other", () => {
    const counts = tally(picks(orderOf(random, 5), 5000), 5);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it("does not go round in a fixed order", () => {
    const slots = picks(orderOf(random, 3), 30).join("");
    expect(slots).not.toBe(slots.slice(0, 3).repeat(10));
  });

  it("is the same again with the same random numbers", () => {
    expect(picks(orderOf(random, 9), 50)).toEqual(picks(orderOf(random, 9), 50));
  });
});
