import { CoolingPool } from "../cooling-pool.ts";
import { twoLimits } from "../library.ts";
import { compare, roundsOf } from "../measure.ts";
import { coolingShares, sizes, strategies } from "../pools.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const variants = [
  { name: "no limits", limits: [] },
  { name: "two limits", limits: twoLimits },
] as const;

/** Acquire and settle: the choice, the store's counters and cooldowns, the lease. */
export async function acquiring(): Promise<void> {
  printTitle("(c) acquire and settle through KeyRotator and MemoryStore, ns");
  const table: string[][] = [];
  const worst: (() => void)[] = [];
  for (const { name, limits } of variants) {
    for (const strategy of strategies) {
      const line = [`${strategy}, ${name}`];
      const extras: number[] = [];
      const pools = sizes.map((size) => new CoolingPool(size, strategy, limits));
      for (const share of coolingShares) {
        for (const pool of pools) await pool.coolTo(share);
        const timings = await compare(
          pools.map((pool) => pool.row()),
          { rounds: roundsOf(40), batchMs: 3, warmUpMs: 150 },
        );
        const [smallest, largest] = [String(sizes[0]), String(sizes[sizes.length - 1])];
        for (const size of sizes) line.push(figure(timings.nanoseconds(String(size)).median));
        const extra = timings.difference(largest, smallest).median;
        line.push(figure(extra));
        extras.push(extra);
      }
      table.push(line);
      worst.push(() =>
        printGoal(`${strategy}, ${name}: 100k keys over 3, worst share`, Math.max(...extras), 150, " ns"),
      );
    }
  }
  const columns = coolingShares.flatMap((share) => [
    ...sizes.map((size) => `${size >= 1000 ? `${size / 1000}k` : size} ${share * 100}%`),
    "100k-3",
  ]);
  printTable(["strategy", ...columns], table);
  for (const print of worst) print();
}
