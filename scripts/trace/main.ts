/**
 * What a call goes through, dependencies aside, by V8's precise coverage; always the second call of its kind.
 *
 * npm run trace                          files, functions and lines of every path, with goal and ratchet
 * npm run trace -- failover --list       one path, with its files and functions
 * npm run trace -- --json                the figures for a program
 * npm run trace -- --tighten             lowers the ratchets to the figures of today
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Trace } from "./coverage.ts";
import { type PathName, tracedPaths } from "./paths.ts";
import { record } from "./record.ts";

interface Figures {
  readonly files: number;
  readonly functions: number;
  readonly lines: number;
}

interface Budget {
  /** Where the redesign of 0.2 began. */
  readonly first: Figures;
  /** Only lowered. */
  readonly ratchet: Figures;
  readonly goal: Figures | null;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    tighten: { type: "boolean", default: false },
  },
});

const known = Object.keys(tracedPaths) as PathName[];
const unknown = positionals.filter((name) => !known.includes(name as PathName));
if (unknown.length > 0) {
  console.error(`Unknown path ${unknown.join(", ")}; there are ${known.join(", ")}.`);
  process.exit(2);
}

const budgetFile = new URL("budgets.json", import.meta.url);
const budgets = JSON.parse(readFileSync(budgetFile, "utf8")) as Record<PathName, Budget>;
const fields = ["files", "functions", "lines"] as const;

const names = positionals.length > 0 ? (positionals as PathName[]) : known;
const traces = await record(names);

function figuresOf({ files, functions, lines }: Trace): Figures {
  return { files: files.length, functions: functions.length, lines };
}

function print(): void {
  const text = (figures: Figures | null): string =>
    figures === null ? "" : fields.map((field) => figures[field]).join(" / ");
  const rows = [["files / functions / lines", "today", "ratchet", "goal", "first", "calls"]];
  for (const [name, trace] of traces) {
    const { ratchet, goal, first } = budgets[name];
    const cells = [figuresOf(trace), ratchet, goal, first].map(text);
    rows.push([tracedPaths[name].title, ...cells, String(trace.calls)]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))) ?? [];
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    );
  }
  for (const name of names) if (!traces.has(name)) console.log(`${tracedPaths[name].title}: left out, not installed`);
}

function printList(trace: Trace): void {
  for (const file of trace.files) {
    const own = trace.functions.filter((entered) => entered.file === file);
    console.log(`  ${file} (${own.length})`);
    for (const { name, calls } of own) console.log(`    ${name}${calls > 1 ? ` x ${calls}` : ""}`);
  }
}

function tighten(): void {
  for (const [name, trace] of traces) {
    const { first, ratchet, goal } = budgets[name];
    const now = figuresOf(trace);
    const lower = (field: keyof Figures): number => Math.min(now[field], ratchet[field]);
    budgets[name] = {
      first,
      ratchet: { files: lower("files"), functions: lower("functions"), lines: lower("lines") },
      goal,
    };
  }
  // A budget a line, so that a change of one shows as such.
  const lines = Object.entries(budgets).map(([name, { first, ratchet, goal }]) => {
    const parts = { first, ratchet, goal };
    const inner = Object.entries(parts).map(([part, figures]) => `    "${part}": ${spaced(figures)}`);
    return `  "${name}": {\n${inner.join(",\n")}\n  }`;
  });
  writeFileSync(budgetFile, `{\n${lines.join(",\n")}\n}\n`);
}

function spaced(figures: Figures | null): string {
  if (figures === null) return "null";
  return `{ ${fields.map((field) => `"${field}": ${figures[field]}`).join(", ")} }`;
}

if (values.json) {
  console.log(JSON.stringify(Object.fromEntries([...traces].map(([name, trace]) => [name, figuresOf(trace)]))));
} else {
  print();
  if (values.list) {
    for (const [name, trace] of traces) {
      console.log(`\n${tracedPaths[name].title}`);
      printList(trace);
    }
  }
}
if (values.tighten) tighten();
