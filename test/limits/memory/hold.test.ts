import { expect, it } from "vitest";
import { MemoryReservation } from "../../../src/limits/memory/memory-reservation.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { Bucket, Candidate, ReserveOptions } from "../../../src/limits/store.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const options: ReserveOptions = { leaseMs: 60_000, purpose: "request" };
const bucket = (dimension: string, limit: number): Bucket => {
  const id = `account:a#${dimension}`;
  if (dimension === "concurrency") return { id, kind: "concurrency", dimension, limit, guardMs: 0 };
  return { id, kind: "rolling", dimension, limit, windowMs: 60_000, guardMs: 0 };
};
const needing = (amounts: Readonly<Record<string, number>>): Candidate => ({
  scopes: ["account:a"],
  needs: Object.entries(amounts).map(([dimension, amount]) => ({ bucket: bucket(dimension, 1000), amount })),
});

function usedBy(store: MemoryStore, dimension: string): number {
  return store.read([], [bucket(dimension, 1000)]).buckets[0]?.used ?? Number.NaN;
}

it.each([
  { needs: { requests: 1 } },
  { needs: { requests: 1, concurrency: 1 } },
  { needs: { requests: 1, concurrency: 1, credits: 3 } },
  { needs: { requests: 1, tokens: 300 } },
])("writes what it takes for $needs into the object that came along", ({ needs }) => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const hold = new MemoryReservation();
  expect(store.reserve([needing(needs)], options, hold)).toBe(hold);
  for (const [dimension, amount] of Object.entries(needs)) expect(usedBy(store, dimension)).toBe(amount);
  store.settle([{ reservation: hold, outcome: "failure", sent: "no" }]);
  for (const dimension of Object.keys(needs)) expect(usedBy(store, dimension)).toBe(0);
  // Once is enough.
  store.settle([{ reservation: hold, outcome: "failure", sent: "no" }]);
  for (const dimension of Object.keys(needs)) expect(usedBy(store, dimension)).toBe(0);
});

it("leaves the object alone that it refuses or only looks for", () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const hold = new MemoryReservation();
  store.cooldown([{ scope: "account:a", set: { forMs: 1000 }, reason: "rate_limit", source: "authoritative" }]);
  expect(store.reserve([needing({ requests: 1 })], options, hold).granted).toBe(false);
  store.cooldown([{ scope: "account:a", set: "end", reason: "operator", source: "operator" }]);
  expect(store.reserve([needing({ requests: 1 })], { ...options, dryRun: true }, hold).granted).toBe(true);
  store.settle([{ reservation: hold, outcome: "failure", sent: "no" }]);
  expect(usedBy(store, "requests")).toBe(0);
});

it("takes no other store's reservation back", () => {
  const [one, other] = [new MemoryStore({ clock: new FakeClock() }), new MemoryStore({ clock: new FakeClock() })];
  const hold = new MemoryReservation();
  one.reserve([needing({ requests: 1 })], options, hold);
  other.settle([{ reservation: hold, outcome: "failure", sent: "no" }]);
  expect(usedBy(one, "requests")).toBe(1);
  one.settle([{ reservation: hold, outcome: "failure", sent: "no" }]);
  expect(usedBy(one, "requests")).toBe(0);
});
