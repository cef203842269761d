import type { Lease } from "../../src/index.ts";
import { type KeyRotator, type Limit, library, makeKeys, twoLimits } from "../library.ts";
import { roundsOf } from "../measure.ts";
import { spreadOf } from "../statistics.ts";
import { printGoal, printTable, printTitle, spreadText } from "../table.ts";

const size = 100_000;
const chunk = 1000;
const success = { outcome: "success" } as const;

/** The first call of a key makes what is kept for it. */
export async function firstTouch(): Promise<void> {
  printTitle(
    "(c) the first call of each of 100,000 keys, against a call of a pool of 3; ns, and the ratio of chunks of 1,000",
  );
  const variants = [
    { name: "no limits", limits: [] },
    { name: "two windows", limits: twoLimits },
  ];
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const { name, limits } of variants) {
    const first: number[] = [];
    const again: number[] = [];
    const ratios: number[] = [];
    for (let round = 0; round < roundsOf(5); round++) await touchAll(limits, { first, again, ratios });
    const ratio = spreadOf(ratios);
    table.push([name, spreadText(spreadOf(first)), spreadText(spreadOf(again)), spreadText(ratio)]);
    goals.push(() =>
      printGoal(`first touch of a key at 100k, ${name}, against a call of 3 keys`, ratio.median, 3, "x"),
    );
  }
  printTable(["limits", "first call of a key", "call of a pool of 3", "x"], table);
  for (const print of goals) print();
}

interface Samples {
  readonly first: number[];
  readonly again: number[];
  readonly ratios: number[];
}

async function touchAll(limits: readonly Limit[], { first, again, ratios }: Samples): Promise<void> {
  const large = new library.KeyRotator({ keys: makeKeys(size), limits });
  const small = new library.KeyRotator({ keys: makeKeys(3), limits });
  timed(small, 20 * chunk);
  for (let call = 0; call < size; call += chunk) {
    const ofFirst = timed(large, chunk);
    const ofSmall = timed(small, chunk);
    first.push(ofFirst);
    again.push(ofSmall);
    ratios.push(ofFirst / ofSmall);
  }
  await large.close();
  await small.close();
}

function timed(rotator: KeyRotator, count: number): number {
  const startedAt = performance.now();
  for (let call = 0; call < count; call++) (rotator.acquire() as Lease).settle(success);
  return ((performance.now() - startedAt) * 1e6) / count;
}
