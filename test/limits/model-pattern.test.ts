import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesModel } from "../../src/limits/model-pattern.ts";

describe("matchesModel", () => {
  it.each([
    ["gpt-4o", "gpt-4o", true],
    ["gpt-4o", "gpt-4o-mini", false],
    ["gpt-*", "gpt-4o", true],
    ["*:free", "meta/llama:free", true],
    ["*:free", "meta/llama", false],
    ["*", "", true],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["a**b", "ab", true],
    ["gpt.4", "gpt-4", false],
    ["", "", true],
    ["GPT-4", "gpt-4", false],
  ])("says for %j and %j: %s", (pattern, model, expected) => {
    expect(matchesModel(pattern, model)).toBe(expected);
  });

  it("agrees with a pattern where each star is any run of characters", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (pattern, model) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(model);
        expect(matchesModel(pattern, model)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("does not take longer with many stars", () => {
    const pattern = (stars: number): string => `${"*a".repeat(stars)}b`;
    const timeOf = (stars: number, length: number): number => {
      const startedAt = performance.now();
      matchesModel(pattern(stars), "a".repeat(length));
      return performance.now() - startedAt;
    };
    timeOf(500, 20_000);
    // One that goes back at every star would not come to an end.
    expect(timeOf(500, 20_000) / Math.max(timeOf(500, 2_000), 0.05)).toBeLessThan(100);
  });
});
