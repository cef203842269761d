import type { AcquireRequest, Lease, LeaseResult } from "../../src/index.ts";
import { type Limit, library, makeKeys } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { byHandRow } from "../quota-by-hand.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

const windows: readonly Limit[] = [
  { requests: 1e9, per: "second" },
  { requests: 1e9, per: "minute" },
];
const slot: Limit = { concurrency: 1e6 };
const tokens: Limit = { tokens: 1e12, per: "minute" };
const success: LeaseResult = { outcome: "success" };
const used: LeaseResult = { outcome: "success", usage: { inputTokens: 90, outputTokens: 210, totalTokens: 300 } };
const estimate: AcquireRequest["tokens"] = { input: 100, output: 400 };

const byHand = "by hand: two windows and a slot";
const three = "two rolling windows and a concurrency slot";
const withTokens = "the same and tokens, estimated and settled with usage";

/** The same through a rotator with three keys: the choice, the lease and what follows from its end. */
export async function leasing(): Promise<void> {
  printTitle("(g) acquire and settle through KeyRotator");
  const rows: Row[] = [
    byHandRow(byHand, 1e6),
    rotatorRow("no limit", [], () => ({}), success),
    rotatorRow("two rolling windows", windows, () => ({}), success),
    rotatorRow(three, [...windows, slot], () => ({}), success),
    rotatorRow("one token window, estimated and settled with usage", [tokens], () => ({ tokens: estimate }), used),
    rotatorRow(withTokens, [...windows, slot, tokens], () => ({ tokens: estimate }), used),
  ];
  const timings = await compare(rows, { rounds: roundsOf(60) });
  printTable(
    ["acquire + settle", "ns", "x by hand"],
    rows.map(({ name }) => [name, spreadText(timings.nanoseconds(name)), figure(timings.ratio(name, byHand).median)]),
  );
  printGoal(`${withTokens}, over no limit`, timings.difference(withTokens, "no limit").median, 250, " ns");
}

function rotatorRow(name: string, limits: readonly Limit[], ask: () => AcquireRequest, result: LeaseResult): Row {
  const rotator = new library.KeyRotator({ keys: makeKeys(3), limits, maxWaitMs: 0 });
  return {
    name,
    run(count) {
      for (let call = 0; call < count; call++) (rotator.acquire(ask()) as Lease).settle(result);
    },
  };
}
