import { systemClock } from "../../src/clock.ts";
import type { ReadySet } from "../../src/pool/ready/ready-set.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import {
  coolingShares,
  makeConfigs,
  makePool,
  makeReadySet,
  parkShare,
  sizeName,
  sizes,
  strategies,
} from "../pools.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

/** A year from now: nothing wakes while it is measured. */
const farAwayMs = 365 * 86_400_000;

/** Only the choice of the next ready group, without the store. */
export async function indexPicks(): Promise<void> {
  printTitle("(c) picking: the ready set's choice alone, ns a pick");
  const pools = new Map(sizes.map((size) => [size, makePool(makeConfigs(size), systemClock)]));
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const strategy of strategies) {
    const rows: Row[] = [];
    for (const size of sizes) {
      const pool = pools.get(size);
      if (pool === undefined) continue;
      for (const share of coolingShares) {
        const readySet = makeReadySet(pool, strategy);
        parkShare(readySet, size, share, systemClock.monotonic() + farAwayMs);
        rows.push(pickRow(nameOf(size, share), readySet));
      }
    }
    const timings = await compare(rows, { rounds: roundsOf(60), batchMs: 2, warmUpMs: 60 });
    const medians = rows.map(({ name }) => timings.nanoseconds(name).median);
    table.push([strategy, ...medians.map(figure)]);
    const spread = Math.max(...medians) / Math.min(...medians);
    goals.push(() => printGoal(`${strategy}, slowest against fastest of all sizes and shares`, spread, 1.5, "x"));
  }
  printTable(["strategy", ...sizes.flatMap((size) => coolingShares.map((share) => nameOf(size, share)))], table);
  for (const print of goals) print();
}

function nameOf(size: number, share: number): string {
  return `${sizeName(size)} ${share * 100}%`;
}

let sink = 0;

function pickRow(name: string, readySet: ReadySet): Row {
  return {
    name,
    run(count) {
      for (let pick = 0; pick < count; pick++) {
        const slot = readySet.first();
        readySet.onTaken(slot);
        sink ^= slot;
      }
    },
  };
}

/** Keeps the picks from being optimised away. */
export const picked = (): number => sink;
