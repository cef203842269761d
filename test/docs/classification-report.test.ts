import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderReport, reportPath } from "../../scripts/classification-report.ts";

const committed = readFileSync(reportPath, "utf8").replaceAll("\r\n", "\n");

describe("docs/classification.md", () => {
  it("is what `npm run docs:classification` would write now", () => {
    expect(committed === renderReport(), "run `npm run docs:classification` and commit what it writes").toBe(true);
  });

  it("has a place for everything that is computed", () => {
    expect(committed).not.toContain("{{");
    expect(committed).not.toMatch(/^\|.*\b(?:NaN|undefined)\b/m);
  });
});
