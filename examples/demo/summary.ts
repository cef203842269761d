import type { RequestRecord } from "./request-log.ts";
import { seconds } from "./tables.ts";
import type { Colors } from "./terminal.ts";

/** What the run amounts to, in a few lines. */
export function summaryOf(records: readonly RequestRecord[], elapsedMs: number, colors: Colors): string[] {
  const succeeded = records.filter(({ state }) => state === "succeeded");
  const failed = records.filter(({ state }) => state === "failed");
  const streamed = succeeded.filter(({ isStreamed }) => isStreamed).length;
  const failovers = total(records, ({ failovers }) => failovers);
  const lostMs = total(records, ({ lostMs }) => lostMs);
  const result = `${succeeded.length} of ${records.length} requests succeeded in ${seconds(elapsedMs)}, ${streamed} of them streamed`;
  return [
    ...failed.map(({ number, error }) => colors.red(`request ${number} failed: ${error}`)),
    failed.length === 0 ? colors.green(result) : colors.red(result),
    `${failovers} ${failovers === 1 ? "failover" : "failovers"}, ${lostMs.toFixed(0)} ms lost to failover`,
  ];
}

function total(records: readonly RequestRecord[], amountOf: (record: RequestRecord) => number): number {
  return records.reduce((sum, record) => sum + amountOf(record), 0);
}
