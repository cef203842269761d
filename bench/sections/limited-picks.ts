import type { Lease } from "../../src/index.ts";
import { CoolingPool } from "../cooling-pool.ts";
import { type Limit, library } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { coolingShares, makeConfigs, sizes, strategies } from "../pools.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const limits: readonly Limit[] = [{ requests: 1e9, per: "minute" }, { requests: 1e9, per: "day" }, { concurrency: 4 }];
const longestWarmUpMs = 2000;
const success = { outcome: "success" } as const;
const nameOf = (size: number): string => (size >= 1000 ? `${size / 1000}k` : String(size));

/** Does picking stay flat with limits on? */
export async function limitedPicks(): Promise<void> {
  await whileSomeCool();
  await whileSomeAreFull();
}

async function whileSomeCool(): Promise<void> {
  printTitle("(g) acquire and settle, two rolling windows and a concurrency limit, share of the keys that cools, ns");
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const strategy of strategies) {
    const pools = sizes.map((size) => new CoolingPool(size, strategy, limits));
    const line: string[] = [strategy];
    const extras: number[] = [];
    for (const share of coolingShares) {
      for (const pool of pools) await pool.coolTo(share);
      const rows = pools.map((pool) => pool.row());
      const timings = await compare(rows, { rounds: roundsOf(30), batchMs: 3, warmUpMs: 120 });
      for (const size of sizes) line.push(figure(timings.nanoseconds(String(size)).median));
      const extra = timings.difference(String(sizes[sizes.length - 1]), String(sizes[0])).median;
      line.push(figure(extra));
      extras.push(extra);
    }
    table.push(line);
    goals.push(() => printGoal(`${strategy}: 100k keys over 3, worst share`, Math.max(...extras), 150, " ns"));
  }
  const columns = coolingShares.flatMap((share) => [
    ...sizes.map((size) => `${nameOf(size)} ${share * 100}%`),
    "100k-3",
  ]);
  printTable(["strategy", ...columns], table);
  for (const print of goals) print();
}

/** Half of the keys have all their slots taken, and wait for one of them to be given back. */
async function whileSomeAreFull(): Promise<void> {
  printTitle("(g) the same, round robin, while half of the keys have every slot taken, ns");
  const rows = sizes.map(fullRow);
  const timings = await compare(rows, { rounds: roundsOf(20), batchMs: 3, warmUpMs: 120 });
  printTable(
    ["keys", "ns", "x 3 keys"],
    rows.map(({ name }) => [
      nameOf(Number(name)),
      figure(timings.nanoseconds(name).median),
      figure(timings.ratio(name, String(sizes[0])).median),
    ]),
  );
  const largest = String(sizes[sizes.length - 1]);
  printGoal("100k keys over 3", timings.difference(largest, String(sizes[0])).median, 150, " ns");
}

function fullRow(size: number): Row {
  const rotator = new library.KeyRotator({ keys: makeConfigs(size), limits: [{ concurrency: 1 }], maxWaitMs: 0 });
  const held = Array.from({ length: Math.floor(size / 2) }, () => rotator.acquire() as Lease);
  // Until every full one was found to be so, as far as that can be waited for.
  const endsAt = performance.now() + longestWarmUpMs;
  for (let call = 0; call < size * 2 && performance.now() < endsAt; call++)
    (rotator.acquire() as Lease).settle(success);
  return {
    name: String(size),
    run(count) {
      for (let call = 0; call < count; call++) (rotator.acquire() as Lease).settle(success);
      if (rotator.inFlight !== held.length) throw new Error("A lease was left open");
    },
  };
}
