import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Figures {
  readonly files: number;
  readonly functions: number;
  readonly lines: number;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const budgets = JSON.parse(readFileSync(`${root}scripts/trace/budgets.json`, "utf8")) as Readonly<
  Record<string, { readonly ratchet: Figures }>
>;
/** Redis is not there everywhere. */
const paths = Object.keys(budgets).filter((name) => name !== "redis");

/** In a process of its own: whatever else ran would be counted. */
function traced(): Readonly<Record<string, Figures>> {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "scripts/trace/main.ts", ...paths, "--json"],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`The trace failed:\n${stderr}`);
  return JSON.parse(stdout) as Record<string, Figures>;
}

describe("what a call goes through", () => {
  const figures = traced();

  // `npm run trace -- NAME --list` shows what came along; `-- --tighten` lowers the ratchets once a call goes through less.
  it.each(paths)("is no more than the ratchet allows: %s", (name) => {
    const { files, functions, lines } = figures[name] as Figures;
    const { ratchet } = budgets[name] as { ratchet: Figures };
    const over = Object.entries({ files, functions, lines }).filter(
      ([field, figure]) => figure > ratchet[field as keyof Figures],
    );
    expect(Object.fromEntries(over)).toEqual({});
    expect(files).toBeGreaterThan(0);
  });
});
