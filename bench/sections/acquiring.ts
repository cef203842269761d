import { printCoolingTable } from "../cooling-table.ts";
import { twoLimits } from "../library.ts";
import { printTitle } from "../table.ts";

/** Acquire and settle: the choice, the store's counters and cooldowns, the lease. */
export async function acquiring(): Promise<void> {
  printTitle("(c) acquire and settle through KeyRotator and MemoryStore, no limits, ns");
  await printCoolingTable([], "no limits");
  printTitle("(c) the same with two windows");
  await printCoolingTable(twoLimits, "two windows");
}
