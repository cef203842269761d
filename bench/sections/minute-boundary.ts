import { KeyRotator } from "../../src/named/key-rotator.ts";
import { Lease } from "../../src/pool/lease.ts";
import { availability } from "../../src/pool/ready/availability.ts";
import type { Limit } from "../../src/types.ts";
import { ManualClock } from "../manual-clock.ts";
import { roundsOf } from "../measure.ts";
import { makeConfigs, makePool, makeReadySet } from "../pools.ts";
import { quantile } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const size = 100_000;
const startsAt = Date.UTC(2026, 0, 1, 12, 0, 0);
/** Between two picks: a hundred thousand requests a second. */
const stepMs = 0.01;
const success = { outcome: "success" } as const;

/** Single picks while a hundred thousand keys wake. */
export function minuteBoundary(): void {
  printTitle("(c) the minute boundary: 100,000 parked keys wake, microseconds of single picks across it");
  const cases: readonly (readonly [name: string, measure: () => Float64Array])[] = [
    ["ready set alone, all at one instant", () => readySetAcross(() => 0)],
    ["ready set alone, over a second around it", () => readySetAcross((slot) => offsets[slot] as number)],
    ["acquire + settle, calendar minute, all at one instant", () => rotatorAcross("calendar")],
    ["acquire + settle, rolling minute, as they were used", () => rotatorAcross("rolling")],
  ];
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const [name, measure] of cases) {
    // Fresh objects are shaped and code is compiled while the first two run.
    for (let pass = 0; pass < 2; pass++) measure();
    const passes = Array.from({ length: roundsOf(5) }, measure);
    const own = perPick(passes).sort();
    const raw = Float64Array.from(passes.flatMap((pass) => [...pass])).sort();
    const columns = [0.5, 0.99, 0.999, 1].map((share) => quantile(own, share));
    table.push([name, ...[...columns, quantile(raw, 0.999), quantile(raw, 1)].map(figure)]);
    goals.push(() => printGoal(`${name}, p99.9 as measured`, quantile(raw, 0.999), 20, " us"));
    goals.push(() => printGoal(`${name}, p99.9 without pauses`, quantile(own, 0.999), 20, " us"));
  }
  printTable(["pick", "p50", "p99", "p99.9", "max", "raw p99.9", "raw max"], table);
  for (const print of goals) print();
  console.log(
    "note: p50 to max take each pick's median over the passes, which leaves out pauses of the machine, of the",
  );
  console.log("collector and of the compiler, also those that the library causes; raw leaves out nothing.");
}

/** The n-th pick does the same work in every pass; what disturbs the machine falls on another one each time. */
function perPick(passes: readonly Float64Array[]): Float64Array {
  return Float64Array.from({ length: size }, (_, pick) => {
    const times = Float64Array.from(passes, (pass) => pass[pick] as number).sort();
    return quantile(times, 0.5);
  });
}

function makeClock(): ManualClock {
  return new ManualClock({ monotonic: 1000, wall: startsAt });
}

const configs = makeConfigs(size);
/** Drawn once: every pass then does the same. */
const offsets = Float64Array.from({ length: size }, () => Math.random() * 1000);

/** Before a pass is prepared, so that the timed picks do not follow a full collection closely. */
function collectFirst(): void {
  globalThis.gc?.();
}

function readySetAcross(offsetMs: (slot: number) => number): Float64Array {
  collectFirst();
  const clock = makeClock();
  const readySet = makeReadySet(makePool(configs, clock), "round_robin", clock);
  const boundary = clock.monotonic() + 60_000;
  for (let slot = 0; slot < size; slot++) readySet.park(slot, boundary + offsetMs(slot), availability.limited);
  // The first keys are due when the measuring begins.
  clock.advance(60_000 + stepMs * 10);
  return timedPicks(clock, () => {
    readySet.wakeDue(clock.monotonic());
    const slot = readySet.first();
    if (slot !== -1) readySet.onTaken(slot);
  });
}

/** Every key is used up within its minute; the next minute gives all of them back. */
function rotatorAcross(window: "calendar" | "rolling"): Float64Array {
  collectFirst();
  const clock = makeClock();
  const limits: Limit[] = [{ requests: 1, per: "minute", window, scope: "key" }];
  const rotator = new KeyRotator({ keys: configs, limits, clock, maxWaitMs: 0 });
  // Past the guard at the beginning of a calendar minute.
  if (window === "calendar") clock.advance(5000);
  for (let call = 0; call < size; call++) {
    expectLease(rotator.acquire()).settle(success);
    clock.advance(stepMs);
  }
  clock.advance(60_000 + (window === "calendar" ? 1000 : 1001));
  return timedPicks(clock, () => expectLease(rotator.acquire()).settle(success));
}

function expectLease(got: Lease | Promise<Lease>): Lease {
  if (got instanceof Lease) return got;
  got.catch(() => undefined);
  throw new Error("No key was ready where one should have been");
}

/** Microseconds of as many picks as there are keys. */
function timedPicks(clock: ManualClock, pick: () => void): Float64Array {
  const times = new Float64Array(size);
  for (let call = 0; call < size; call++) {
    clock.advance(stepMs);
    const startedAt = performance.now();
    pick();
    times[call] = (performance.now() - startedAt) * 1000;
  }
  return times;
}
