import type { Lease } from "../../src/index.ts";
import { printCoolingTable } from "../cooling-table.ts";
import { type Limit, library } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { makeConfigs, sizeName, sizes } from "../pools.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const limits: readonly Limit[] = [{ requests: 1e9, per: "minute" }, { requests: 1e9, per: "day" }, { concurrency: 4 }];
const longestWarmUpMs = 2000;
const success = { outcome: "success" } as const;

/** Does picking stay flat with limits on? */
export async function limitedPicks(): Promise<void> {
  await whileSomeCool();
  await whileSomeAreFull();
}

async function whileSomeCool(): Promise<void> {
  printTitle("(g) acquire and settle, two rolling windows and a concurrency limit, share of the keys that cools, ns");
  await printCoolingTable(limits, "limits and permits");
}

/** Half of the keys have all their slots taken, and wait for one of them to be given back. */
async function whileSomeAreFull(): Promise<void> {
  printTitle("(g) the same, round robin, while half of the keys have every slot taken, ns");
  const rows = sizes.map(fullRow);
  const timings = await compare(rows, { rounds: roundsOf(20), batchMs: 3, warmUpMs: 120 });
  printTable(
    ["keys", "ns", "x 3 keys"],
    rows.map(({ name }) => [
      sizeName(Number(name)),
      figure(timings.nanoseconds(name).median),
      figure(timings.ratio(name, String(sizes[0])).median),
    ]),
  );
  const largest = String(sizes[sizes.length - 1]);
  printGoal("100k keys against 3", timings.ratio(largest, String(sizes[0])).median, 1.5, "x");
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
