/**
 * Worlds of providers in unknown dialects, and what becomes of the requests there: of this checkout, and of another one beside it.
 *
 * npm run worlds                                        this checkout's sources
 * npm run worlds -- --before 36b906c                    those of an earlier commit beside them
 * npm run worlds -- --before ../elsewhere               those of a checkout, or of a built package
 * npm run worlds -- --only "1 of 10" --seed 7           some worlds, and another seed
 * npm run worlds -- --before 36b906c --write            puts the table where `npm run docs:classification` takes it from
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Library, type Outcome, play } from "./world.ts";
import { worlds } from "./worlds.ts";

const { values } = parseArgs({
  options: {
    before: { type: "string" },
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});
const here = fileURLToPath(new URL("../..", import.meta.url));
const columns = ["lost", "wasted", "burnt", "hammered"] as const;

async function libraryIn(folder: string): Promise<Library> {
  const entry = ["src/index.ts", "dist/index.js"].map((path) => join(folder, path)).find(existsSync);
  if (entry === undefined) throw new Error(`--before: expected a checkout or a built package, got ${folder}`);
  return (await import(pathToFileURL(entry).href)) as Library;
}

/** Another library, and what clears it away. */
async function earlier(where: string): Promise<readonly [Library, () => void]> {
  if (existsSync(where)) return [await libraryIn(resolve(where)), () => undefined];
  const folder = join(mkdtempSync(join(tmpdir(), "worlds-")), "checkout");
  const git = (...args: string[]): unknown => execFileSync("git", args, { cwd: here, stdio: "pipe" });
  git("worktree", "add", "--detach", folder, where);
  symlinkSync(join(here, "node_modules"), join(folder, "node_modules"));
  const clear = (): void => {
    git("worktree", "remove", "--force", folder);
    rmSync(join(folder, ".."), { recursive: true, force: true });
  };
  return [await libraryIn(folder), clear];
}

const [before, clear] = values.before === undefined ? [undefined, () => undefined] : await earlier(values.before);
const rows: string[][] = [];
try {
  const now = await libraryIn(here);
  for (const world of worlds.filter(({ name }) => name.includes(values.only))) {
    const seed = Number(values.seed);
    const outcomes = [...(before === undefined ? [] : [await play(before, world, seed)]), await play(now, world, seed)];
    rows.push([world.name, ...cellsOf(outcomes, world.dead.length > 0)]);
    console.error(rows.at(-1)?.join(" | "));
  }
} finally {
  clear();
}

/** One cell a column, with what it was before. */
function cellsOf(outcomes: readonly Outcome[], hasDead: boolean): string[] {
  return columns.map((column) => {
    if (column === "hammered" && !hasDead) return "–";
    return outcomes.map((outcome) => outcome[column].toLocaleString("en")).join(" → ");
  });
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const head = ["world", "lost calls", "wasted attempts", "good keys burnt", "a dead key asked"];
const text = [line(head), line(head.map((_, place) => (place === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
console.log(text);
if (values.write) writeFileSync(fileURLToPath(new URL("table.md", import.meta.url)), `${text}\n`);
