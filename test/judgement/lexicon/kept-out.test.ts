import { describe, expect, it } from "vitest";
import { classifiersWith, isDecided, temptingFaults, wordings } from "../../support/answer-cases.ts";
import { keptOut } from "../../support/kept-out.ts";

const percent = (share: number): string => (100 * share).toFixed(1);
const meanOf = (shares: readonly number[]): number => shares.reduce((sum, share) => sum + share, 0) / shares.length;
const classify = classifiersWith()(undefined);
const now = Date.UTC(2026, 10, 20, 12);

describe("answers that the words were not made for", { timeout: 60_000 }, () => {
  it("prints how often decisions are right on providers that were kept out", () => {
    const { words, named, status } = keptOut();
    for (const [name, shares] of Object.entries({ words, named, status })) {
      process.stdout.write(`kept out, by ${name}: ${shares.map(percent).join(" ")}, mean ${percent(meanOf(shares))}\n`);
    }
    // No gate on the figure: only that the words do more than the status.
    expect(meanOf(words)).toBeGreaterThan(meanOf(status));
  });

  it("prints how often it is right on made-up wordings", () => {
    const wrong = wordings.filter(
      ({ status, body, expect: wanted }) => !isDecided(classify({ status, body, now }), wanted),
    );
    process.stdout.write(
      `wordings: ${percent(1 - wrong.length / wordings.length)} of ${wordings.length}; not: ${wrong.map(({ id }) => id).join(" ")}`,
    );
    expect(wrong.length).toBeLessThan(wordings.length / 4);
  });

  it("is not tempted by faults of a request to ask another key or to give one up", () => {
    const tempted = temptingFaults.filter(({ status, body }) => {
      const { failover, disableKey } = classify({ status, body, now });
      return failover || disableKey;
    });
    expect(tempted.map(({ id }) => id)).toEqual([]);
  });
});
