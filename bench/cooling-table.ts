import { CoolingPool } from "./cooling-pool.ts";
import type { Limit } from "./library.ts";
import { compare, roundsOf } from "./measure.ts";
import { coolingShares, sizeName, sizes, strategies } from "./pools.ts";
import { figure, printGoal, printTable } from "./table.ts";

/** Times of one strategy, by share and by size. */
interface Line {
  readonly nanoseconds: number[];
  /** Of the largest pool against the smallest, by share. */
  readonly ratios: number[];
  /** Of the largest pool, by share. */
  readonly ofLargest: number[];
}

const smallest = String(sizes[0]);
const largest = String(sizes[sizes.length - 1]);

/** Prints what acquire and settle take with these limits: all strategies, sizes and shares of the keys that cool. */
export async function printCoolingTable(limits: readonly Limit[], what: string): Promise<void> {
  const pools = sizes.map((size) => new CoolingPool(size, limits));
  const lines = strategies.map((strategy) => ({ strategy, line: newLine() }));
  for (const share of coolingShares) {
    for (const pool of pools) await pool.coolTo(share);
    for (const { strategy, line } of lines) {
      const rows = pools.map((pool) => pool.row(strategy));
      const timings = await compare(rows, { rounds: roundsOf(40), batchMs: 3, warmUpMs: 80 });
      for (const { name } of rows) line.nanoseconds.push(timings.nanoseconds(name).median);
      line.ratios.push(timings.ratio(largest, smallest).median);
      line.ofLargest.push(timings.nanoseconds(largest).median);
    }
  }
  for (const pool of pools) await pool.close();
  const columns = coolingShares.flatMap((share) => sizes.map((size) => `${sizeName(size)} ${share * 100}%`));
  const tail = coolingShares.map((share) => `x 3, ${share * 100}%`);
  printTable(
    ["strategy", ...columns, ...tail],
    lines.map(({ strategy, line }) => [strategy, ...[...line.nanoseconds, ...line.ratios].map(figure)]),
  );
  for (const { strategy, line } of lines) {
    printGoal(`${strategy}, ${what}: 100k keys against 3, worst share`, Math.max(...line.ratios), 1.5, "x");
    const flatness = Math.max(...line.ofLargest) / Math.min(...line.ofLargest);
    printGoal(`${strategy}, ${what}: 100k keys, slowest share against fastest`, flatness, 1.5, "x");
  }
}

function newLine(): Line {
  return { nanoseconds: [], ratios: [], ofLargest: [] };
}
