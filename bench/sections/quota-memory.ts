import type { Bucket, Candidate, Report, Reservation } from "../../src/limits/store.ts";
import { heldBytes } from "../held-bytes.ts";
import { type KeyRotator, type Limit, library } from "../library.ts";
import { roundsOf } from "../measure.ts";
import { makeConfigs } from "../pools.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const size = 100_000;
const twoRolling: readonly Limit[] = [
  { requests: 1e6, per: "minute" },
  { requests: 1e6, per: "day" },
];

/** What a key with limits holds, and who holds it. */
export function quotaMemory(): void {
  printTitle("(g) heap per key, 100,000 keys, bytes; the secrets themselves not counted");
  const rounds = roundsOf(3, 1);
  const median = (measure: () => number): number => spreadOf(Array.from({ length: rounds }, measure)).median;
  const made = median(() => rotatorBytes([], 0));
  const usedPlain = median(() => rotatorBytes([], 1));
  const usedOnce = median(() => rotatorBytes(twoRolling, 1));
  const usedLong = median(() => rotatorBytes(twoRolling, 20));
  const parts = Array.from({ length: rounds }, storeBytes);
  const ofStore = (part: keyof StoreBytes): number => spreadOf(parts.map((each) => each[part])).median;
  const stored = ofStore("counters") + ofStore("memos");
  const lines: readonly (readonly [string, number])[] = [
    ["rotator made, no key used", made],
    ["every key used once, no limit", usedPlain],
    ["every key used once, two rolling windows", usedOnce],
    ["  of which the store's counters, by id", ofStore("counters")],
    ["  of which what the store keeps with each candidate", ofStore("memos")],
    ["  of which the rotator's buckets and needs", usedOnce - usedPlain - stored],
    ["every key used 20 times, two rolling windows", usedLong],
  ];
  printTable(
    ["", "bytes a key"],
    lines.map(([name, bytes]) => [name, figure(bytes)]),
  );
  printGoal("two windows in use, all of it", usedOnce, 1000, " B");
  printGoal("two windows in use, over no limit", usedOnce - usedPlain, 1000, " B");
}

function rotatorBytes(limits: readonly Limit[], turns: number): number {
  const keys = makeConfigs(size);
  const before = heldBytes();
  const rotator = new library.KeyRotator({ keys, limits });
  for (let turn = 0; turn < turns * size; turn++) endAtOnce(rotator);
  const after = heldBytes();
  if (rotator.inFlight !== 0) throw new Error("A lease was left open");
  return (after - before) / size;
}

function endAtOnce(rotator: KeyRotator): void {
  const lease = rotator.acquire();
  if (lease instanceof Promise) throw new Error("No key was ready where one should have been");
  lease.settle({ outcome: "success" });
}

interface StoreBytes {
  readonly counters: number;
  readonly memos: number;
}

/** Candidates and buckets are made by whoever asks, and are not counted here. */
function storeBytes(): StoreBytes {
  const store = new library.MemoryStore();
  const candidates = Array.from({ length: size }, (_, place) => candidateOf(`key-${place}`));
  const options = { leaseMs: 600_000, purpose: "request" } as const;
  const before = heldBytes();
  for (const candidate of candidates) {
    const reservation = store.reserve([candidate], options) as Reservation;
    const report: Report = { reservation, outcome: "success", sent: "yes", headersAfterMs: 20 };
    store.settle([report]);
  }
  const after = heldBytes();
  for (const candidate of candidates) candidate.memo = undefined;
  const withoutMemos = heldBytes();
  if (store.read([], []).scopes.length > 0) throw new Error("Nothing should rest");
  return { counters: (withoutMemos - before) / size, memos: (after - withoutMemos) / size };
}

function candidateOf(account: string): Candidate {
  const needs = [60_000, 86_400_000].map((windowMs) => ({ bucket: bucketOf(account, windowMs), amount: 1 }));
  return { scopes: [`key:${account}`], needs, memo: undefined };
}

function bucketOf(account: string, windowMs: number): Bucket {
  const id = `account:${account}#requests-${windowMs}`;
  return { id, kind: "rolling", dimension: "requests", limit: 1e6, windowMs, guardMs: 1000 };
}
