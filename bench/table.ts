import type { Spread } from "./statistics.ts";

/** Prints rows in columns: the first to the left, the others to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  console.log(line(head));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) console.log(line(row));
  console.log();
}

export function printTitle(title: string): void {
  console.log(`\n## ${title}\n`);
}

/** Says whether a measured value is within its goal, and by how much. */
export function printGoal(what: string, value: number, most: number, unit: string): void {
  const verdict = value <= most ? "met   " : "missed";
  console.log(`goal ${verdict}  ${what}: ${figure(value)}${unit} (at most ${figure(most)}${unit})`);
}

/** Three digits that matter. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** Median and the span of eight of ten samples. */
export function spreadText({ p10, median, p90 }: Spread, unit = ""): string {
  return `${figure(median)}${unit} (${figure(p10)}..${figure(p90)})`;
}
