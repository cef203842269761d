import type { Limit } from "../../src/types.ts";
import { IdealPool } from "./ideal.ts";
import type { Grant, Run } from "./run.ts";
import { accountOf, allLimits, amountOf, countsTokens, guardOf, limitsFor, type World, windowOf } from "./world.ts";

export interface Verdict {
  /** What was found wrong; none: the world is as promised. */
  readonly complaints: readonly string[];
  /** Share of what fits that was used, in saturated worlds; of requests or, with other limits, of the bound for those. */
  readonly utilisation: { readonly share: number; readonly of: "requests" | "tokens and concurrency" } | undefined;
  /** Was anything refused that no promise covers? */
  readonly unpromised: number;
}

/** Says whether a run kept what is promised. */
export function judge(world: World, run: Run): Verdict {
  const complaints = [...settlingComplaints(run)];
  const broken = run.overshoots.filter(({ isPromised }) => isPromised);
  if (broken[0] !== undefined) {
    const { limitId, keyId, at } = broken[0];
    complaints.push(`${broken.length} overshoots, the first of limit ${limitId} with ${keyId} at ${at.toFixed(1)} ms`);
  }
  let utilisation: Verdict["utilisation"];
  if (world.purpose === "saturated" && run.idleMs < world.durationMs * 0.01) {
    if (allLimits(world).every(({ requests }) => requests !== undefined)) {
      complaints.push(...[...idealComplaints(world, run)].slice(0, 3));
      utilisation = { share: requestShare(world, run), of: "requests" };
    } else {
      const { share, usable } = fluidShare(world, run);
      utilisation = { share, of: "tokens and concurrency" };
      if (share < 0.85 * usable)
        complaints.push(`${percent(share)} of tokens or concurrency used, ${percent(usable)} usable`);
    }
  }
  if (world.purpose === "even") complaints.push(...shareComplaints(world, run));
  return { complaints, utilisation, unpromised: run.overshoots.length - broken.length };
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function* settlingComplaints({ lost, unexpected, late, unused, left }: Run): Generator<string> {
  if (lost > 0) yield `${lost} requests were never answered`;
  if (unexpected[0] !== undefined) yield `${unexpected.length} unexpected errors, the first: ${unexpected[0]}`;
  if (late[0] !== undefined) yield `${late.length} answers too late, the first: ${late[0]}`;
  if (unused[0] !== undefined) yield `${unused.length} refusals although a key had room, the first: ${unused[0]}`;
  const { waiting, inFlight, timers } = left;
  if (waiting + inFlight + timers > 0)
    yield `at the end ${waiting} wait, ${inFlight} are in flight, ${timers} timers are armed`;
}

/** Who counts by itself: accounts, or keys where the limits say so. */
function subjectsOf(world: World): Map<string, { readonly limits: readonly Limit[]; readonly keys: Set<number> }> {
  const subjects = new Map<string, { limits: readonly Limit[]; keys: Set<number> }>();
  for (const [place, key] of world.keys.entries()) {
    const name = world.limits[0]?.scope === "key" ? key.id : accountOf(key);
    const known = subjects.get(name);
    if (known === undefined) subjects.set(name, { limits: limitsFor(world, key), keys: new Set([place]) });
    else known.keys.add(place);
  }
  return subjects;
}

/** At every tenth of the time, every subject has served at least what an ideal one of the promised pace has. */
function* idealComplaints(world: World, run: Run): Generator<string> {
  const ideal = new IdealPool(world);
  const lateMs = world.timerLagMs + 6 * world.storeDelayMs + 5;
  const byKey = grantTimes(world, run.grants);
  for (const [name, { limits, keys }] of subjectsOf(world)) {
    const times = ideal.times(limits, world.durationMs);
    const served = [...keys].flatMap((key) => byKey[key] as number[]).sort((one, other) => one - other);
    for (let tenth = 1; tenth <= 10; tenth++) {
      const until = (world.durationMs * tenth) / 10;
      const least = countUntil(times, until - lateMs);
      const count = countUntil(served, until);
      if (count >= least) continue;
      yield `${name} had served ${count} requests after ${until.toFixed(0)} ms, at least ${least} fitted`;
      break;
    }
  }
}

function grantTimes(world: World, grants: readonly Grant[]): number[][] {
  const times: number[][] = world.keys.map(() => []);
  for (const { key, at } of grants) (times[key] as number[]).push(at);
  return times;
}

function countUntil(times: readonly number[], until: number): number {
  let count = 0;
  while (count < times.length && (times[count] as number) <= until) count++;
  return count;
}

/**
 * Served, as a share of Σ limit × time: by how long it takes each subject until it has served as many more requests as its
 * tightest limit allows, compared with that limit's window.
 */
function requestShare(world: World, run: Run): number {
  let fits = 0;
  let served = 0;
  const byKey = grantTimes(world, run.grants);
  for (const { limits, keys } of subjectsOf(world).values()) {
    const rate = (limit: Limit): number => amountOf(limit) / windowOf(limit);
    const tightest = [...limits].sort((one, other) => rate(one) - rate(other))[0] as Limit;
    const amount = amountOf(tightest);
    const times = [...keys].flatMap((key) => byKey[key] as number[]).filter((at) => at < world.durationMs);
    times.sort((one, other) => one - other);
    // The first period of a calendar is a part of one.
    const from = tightest.window === "calendar" ? 2 * amount : amount;
    for (let place = from; place < times.length; place++) {
      fits += ((times[place] as number) - (times[place - amount] as number)) / windowOf(tightest);
      served++;
    }
  }
  return fits === 0 ? 1 : served / fits;
}

/**
 * Served, as a share of what fitted if requests were a fluid that takes its estimate while under way and its real use from then
 * on; and the share usable for requests as they are: of a window of tokens, less than the largest of them is left over.
 */
function fluidShare(world: World, run: Run): { share: number; usable: number } {
  const inTime = run.grants.filter(({ at }) => at < world.durationMs);
  let fluid = 0;
  let usable = 0;
  for (const { limits } of subjectsOf(world).values()) {
    const bounds = limits.map((limit) => fluidBound(world, limit, inTime));
    fluid += Math.min(...bounds.map((bound) => bound.fluid));
    usable += Math.min(...bounds.map((bound) => bound.usable));
  }
  return { share: inTime.length / fluid, usable: usable / fluid };
}

function fluidBound(world: World, limit: Limit, grants: readonly Grant[]): { fluid: number; usable: number } {
  const mean = (of: (grant: Grant) => number): number =>
    grants.reduce((sum, grant) => sum + of(grant), 0) / grants.length;
  const heldMs = mean(({ at, endedAt }) => endedAt - at);
  const amount = amountOf(limit);
  if (limit.concurrency !== undefined) return both((amount * world.durationMs) / heldMs);
  const lengthMs = windowOf(limit) + guardOf(world, limit);
  const windows = world.durationMs / lengthMs;
  if (!countsTokens(limit)) return both(amount * windows);
  const taken = mean((grant) => tokensOf(limit, grant));
  const estimated = mean(({ estimate }) => tokensOf(limit, estimate));
  const largest = Math.max(...grants.map(({ estimate }) => tokensOf(limit, estimate)));
  const each = taken + Math.min(1, heldMs / lengthMs) * (estimated - taken);
  return { fluid: (amount / each) * windows, usable: (Math.max(0, amount - largest) / each) * windows };
}

function both(bound: number): { fluid: number; usable: number } {
  return { fluid: bound, usable: bound };
}

/** What a limit counts of an amount. */
function tokensOf(limit: Limit, { input, output }: { readonly input: number; readonly output: number }): number {
  if (limit.inputTokens !== undefined) return input;
  return limit.outputTokens !== undefined ? output : input + output;
}

/** With equal accounts and room for all, nobody gets less than half of an equal share, by so much that chance explains it. */
function* shareComplaints(world: World, run: Run): Generator<string> {
  const counts = new Map<string, number>();
  for (const key of world.keys) counts.set(accountOf(key), 0);
  for (const { key } of run.grants) {
    const name = accountOf(world.keys[key] as World["keys"][number]);
    counts.set(name, (counts.get(name) as number) + 1);
  }
  const share = run.grants.length / counts.size;
  const least = Math.floor(share * 0.8) - 2;
  for (const [name, count] of counts) {
    if (count < least) yield `${name} got ${count} requests, an equal share is ${share.toFixed(1)}`;
  }
}
