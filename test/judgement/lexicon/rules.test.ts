import { describe, expect, it } from "vitest";
import { decisionTable } from "../../../src/judgement/lexicon/decision-table.ts";
import { wordClasses } from "../../../src/judgement/lexicon/word-classes.ts";
import { allCases, apiOf, classifiersWith, inputOf, missesOf } from "../../support/answer-cases.ts";

/** Rows that stand on codes which one API documents, rather than on answers of two. */
const opaque: Readonly<Record<string, string>> = {
  card: "https://docs.stripe.com/error-codes, https://docs.stripe.com/declines/codes",
};

const cases = allCases.filter(({ transport }) => transport === undefined);
const withAll = classifiersWith();

/** Whose answers are read worse without a row: with the preset of the provider, or without one. */
function neededBy(name: string): ReadonlySet<string> {
  const without = classifiersWith(
    wordClasses,
    decisionTable.filter((row) => row.name !== name),
  );
  const worse = cases.filter((entry) => {
    return [entry.provider, undefined].some((provider) => {
      const before = missesOf(withAll(provider)(inputOf(entry)), entry.expect);
      const after = missesOf(without(provider)(inputOf(entry)), entry.expect);
      return after.some((field) => !before.includes(field));
    });
  });
  return new Set(worse.map(apiOf));
}

describe("rules of words", () => {
  it.each(decisionTable.map(({ name }) => [name]))("%s: needed by answers of two APIs", (name) => {
    const needed = neededBy(name);
    if (name in opaque) expect(needed.size).toBe(1);
    else expect(needed.size).toBeGreaterThanOrEqual(2);
  });
});
