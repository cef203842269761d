import { KeyRotator } from "../../src/operate/key-rotator.ts";
import type { Lease } from "../../src/pool/lease.ts";
import type { KeyConfig } from "../../src/types.ts";
import { makeKeys, twoLimits } from "../library.ts";
import { roundsOf } from "../measure.ts";
import { makeConfigs } from "../pools.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printTable, printTitle } from "../table.ts";

const size = 100_000;

interface Cost {
  readonly constructionMs: number;
  readonly bytesPerKey: number;
  readonly bytesPerUsedKey: number;
}

/** Making a rotator of a hundred thousand keys, and what it holds. */
export async function manyKeys(): Promise<void> {
  printTitle("(c) 100,000 keys: construction and heap, the secrets themselves not counted");
  const cases: readonly (readonly [name: string, make: () => readonly (string | KeyConfig)[]])[] = [
    ["secrets, ids made from them", () => makeKeys(size)],
    ["key objects with ids", () => makeConfigs(size)],
  ];
  const table: string[][] = [];
  for (const [name, make] of cases) {
    costOf(make());
    const costs: Cost[] = [];
    for (let round = 0; round < roundsOf(3); round++) {
      // What a rotator begins when it is made ends in a later turn; until then it is held.
      await new Promise(setImmediate);
      costs.push(costOf(make()));
    }
    const median = (field: keyof Cost): string => figure(spreadOf(costs.map((cost) => cost[field])).median);
    table.push([name, median("constructionMs"), median("bytesPerKey"), median("bytesPerUsedKey")]);
  }
  printTable(["keys given as", "construction, ms", "bytes a key", "bytes a key once used, two limits"], table);
}

function costOf(keys: readonly (string | KeyConfig)[]): Cost {
  const before = heldBytes();
  const startedAt = performance.now();
  const rotator = new KeyRotator({ keys, limits: twoLimits });
  const constructionMs = performance.now() - startedAt;
  const made = heldBytes();
  for (let call = 0; call < keys.length; call++) (rotator.acquire() as Lease).settle({ outcome: "success" });
  const used = heldBytes();
  if (rotator.inFlight !== 0) throw new Error("A lease was left open");
  return { constructionMs, bytesPerKey: (made - before) / size, bytesPerUsedKey: (used - before) / size };
}

function heldBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
