import { amountsOf } from "../../src/limits/amounts.ts";
import type { Bucket, Candidate, Report, Reservation } from "../../src/limits/store.ts";
import type { Usage } from "../../src/types.ts";
import { library } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { byHandRow } from "../quota-by-hand.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

type MakeBuckets = (account: string) => readonly Bucket[];

const options = { leaseMs: 3_600_000, purpose: "request" } as const;
const usage: Usage = { inputTokens: 90, outputTokens: 210, totalTokens: 300 };

const rolling = (account: string, windowMs: number): Bucket => ({
  id: `account:${account}#requests-${windowMs}`,
  kind: "rolling",
  dimension: "requests",
  limit: 1e9,
  windowMs,
  guardMs: 25,
});
const tokens = (account: string): Bucket => ({
  ...rolling(account, 60_000),
  id: `${account}#tokens`,
  dimension: "tokens",
});
const slots = (account: string): Bucket => ({
  id: `account:${account}#concurrency`,
  kind: "concurrency",
  dimension: "concurrency",
  limit: 1e6,
  guardMs: 0,
});
const none: MakeBuckets = () => [];
const twoWindows: MakeBuckets = (account) => [rolling(account, 1000), rolling(account, 60_000)];
const andSlot: MakeBuckets = (account) => [...twoWindows(account), slots(account)];
const andTokens: MakeBuckets = (account) => [rolling(account, 1000), tokens(account), slots(account)];

const plain = "no limit";
const two = "two rolling windows";
const three = "two rolling windows and a concurrency slot";
const withUsage = "requests, tokens settled with usage, a slot";
const byHandTwo = "by hand: two windows";
const byHandThree = "by hand: two windows and a slot";
const underWay = [64, 1000, 10_000] as const;
const nameUnderWay = (count: number): string => `${three}, ${count} more under way`;

/** The store alone: three accounts in their turn, one request at a time unless said otherwise. */
export async function reserving(): Promise<void> {
  printTitle("(g) reserve and settle on MemoryStore");
  const rows: Row[] = [
    byHandRow(byHandTwo, 1e9),
    byHandRow(byHandThree, 1e6),
    storeRow(plain, none),
    storeRow(two, twoWindows),
    storeRow(three, andSlot),
    storeRow(withUsage, andTokens, { usage, amount: 500 }),
    ...underWay.map((count) => storeRow(nameUnderWay(count), andSlot, { underWay: count })),
  ];
  const timings = await compare(rows, { rounds: roundsOf(60) });
  printTable(
    ["reserve + settle", "ns", "x by hand with a slot"],
    rows.map(({ name }) => [
      name,
      spreadText(timings.nanoseconds(name)),
      figure(timings.ratio(name, byHandThree).median),
    ]),
  );
  printGoal(two, timings.nanoseconds(two).median, 250, " ns");
  printGoal(three, timings.nanoseconds(three).median, 250, " ns");
  const last = nameUnderWay(underWay[underWay.length - 1] as number);
  printGoal(`${last}, against none`, timings.ratio(last, three).median, 1.5, "x");
}

interface StoreRowOptions {
  readonly usage?: Usage;
  readonly amount?: number;
  readonly underWay?: number;
}

function storeRow(name: string, bucketsOf: MakeBuckets, settings: StoreRowOptions = {}): Row {
  const { amount = 1, underWay = 0 } = settings;
  const store = new library.MemoryStore();
  const lists = ["a", "b", "c"].map((account) => [candidateOf(account, bucketsOf, amount)] as const);
  for (let held = 0; held < underWay; held++)
    expectRoom(store.reserve(lists[held % 3] as readonly Candidate[], options));
  let turn = 0;
  const report: [Report?] = [];
  return {
    name,
    run(count) {
      for (let call = 0; call < count; call++) {
        const reservation = expectRoom(store.reserve(lists[turn++ % 3] as readonly Candidate[], options));
        report[0] = {
          reservation,
          outcome: "success",
          sent: "yes",
          headersAfterMs: 20,
          amounts: settings.usage && amountsOf(settings.usage),
        };
        store.settle(report as [Report]);
      }
    },
  };
}

function candidateOf(account: string, bucketsOf: MakeBuckets, amount: number): Candidate {
  const needs = bucketsOf(account).map((bucket) => ({ bucket, amount: bucket.dimension === "tokens" ? amount : 1 }));
  const scopes = [`key:${account}`, `account:${account}`, "ip:local", `credential:${account}`];
  return { scopes, needs, memo: undefined };
}

function expectRoom(answer: Reservation | { readonly granted: false }): Reservation {
  if (answer.granted) return answer;
  throw new Error("No room where there should have been");
}
