import type { Bucket, Candidate, Store } from "../../../src/index.ts";

const dayMs = 24 * 3_600_000;

/** The UTC day that holds now. */
function today(): readonly [number, number, number] {
  const start = Math.floor(Date.now() / dayMs) * dayMs;
  return [start, start + dayMs, start + 2 * dayMs];
}

/** A day's quota, so large that nothing is refused. */
function dayBucket(id: string, edges = today()): Bucket {
  return { id: `key:${id}#day`, kind: "calendar", dimension: "requests", limit: 1_000_000, guardMs: 0, edges };
}

function minuteBucket(id: string): Bucket {
  return {
    id: `key:${id}#minute`,
    kind: "rolling",
    dimension: "requests",
    limit: 1_000_000,
    windowMs: 60_000,
    guardMs: 1000,
  };
}

export function wanting(id: string, edges = today()): Candidate {
  const needs = [minuteBucket(id), dayBucket(id, edges)].map((bucket) => ({ bucket, amount: 1 }));
  return { scopes: [`key:${id}`], needs };
}

export async function countOne(store: Store, candidate = wanting("a")): Promise<void> {
  await store.reserve([candidate], { leaseMs: 60_000, purpose: "request" });
}

/** Takes one for each of so many keys. */
export function takeOften(store: Store, keys: number): void {
  for (let key = 0; key < keys; key++) void countOne(store, wanting(`k${key}`));
}

export async function usedToday(store: Store, id = "a", edges = today()): Promise<number> {
  return (await store.read([], [dayBucket(id, edges)])).buckets[0]?.used ?? 0;
}
