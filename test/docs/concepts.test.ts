import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";

const at = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = at("docs/concepts.md");
const snippets = new Map(
  [...page.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, file, text]) => [file as string, text as string]),
);

/** What each prints. */
const printed: Readonly<Record<string, readonly string[]>> = {
  "key-rotator.ts": ["lent: a", "next: b"],
  "rate-limit-tracker.ts": [
    "requests-minute-rolling: 1 left",
    "tokens-minute-rolling: 9092 left",
    "refused by headers, again in 30 s",
  ],
  "error-classifier.ts": ["quota_exhausted of the account; another key helps: true", "rate_limit, again in 20000 ms"],
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("docs/concepts.md", () => {
  it("has a class by itself in each of its snippets, and nothing else", () => {
    expect([...snippets.keys()]).toEqual(Object.keys(printed));
    expect(page.match(/^```ts/gm)).toHaveLength(snippets.size);
  });

  it.each(Object.entries(printed))("shows all of %s, which runs", async (file, lines) => {
    expect(snippets.get(file)).toBe(at(`examples/concepts/${file}`));
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    await import(new URL(`../../examples/concepts/${file}`, import.meta.url).href);
    expect(log.mock.calls.map(([line]) => line)).toEqual(lines);
  });

  it("is one page", () => {
    expect(page.split("\n").length).toBeLessThan(110);
  });

  it("explains the words it promises", () => {
    const rows = [...page.matchAll(/^\| \*\*(\w+)\*\* \|/gm)].map(([, word]) => word);
    for (const word of ["key", "account", "limit", "cooldown", "lease", "scope", "availability"]) {
      expect(rows).toContain(word);
    }
  });
});
