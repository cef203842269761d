import type { StrategyName } from "../../src/named/strategies.ts";
import type { Limit } from "../../src/types.ts";

/**
 * What a world is made to show. `mixed`: anything may happen, and no limit may be exceeded. `saturated`: more is asked for than
 * fits, and what fits must be used. `even`: equal accounts with room for everybody get equal shares.
 */
export type Purpose = "mixed" | "saturated" | "even";

export interface PlannedKey {
  readonly id: string;
  readonly account: string | undefined;
  readonly priority: number;
  readonly weight: number;
  readonly models: readonly string[] | undefined;
  readonly limits: readonly Limit[] | undefined;
}

/** How requests come. Times are milliseconds from the world's start. */
export type Load =
  /** At random, so many a second on average. */
  | { readonly kind: "steady"; readonly from: number; readonly to: number; readonly everyMs: number }
  /** So many at once, at intervals. */
  | {
      readonly kind: "bursts";
      readonly from: number;
      readonly to: number;
      readonly everyMs: number;
      readonly size: number;
    }
  /** So many at once whenever a window of the calendar begins. */
  | { readonly kind: "herd"; readonly at: readonly number[]; readonly size: number }
  /** So many clients that each ask anew as soon as they were answered. */
  | { readonly kind: "clients"; readonly from: number; readonly to: number; readonly count: number };

/** What happens meanwhile. */
export type Incident =
  | { readonly kind: "set clock"; readonly at: number; readonly byMs: number }
  | { readonly kind: "sleep"; readonly at: number; readonly forMs: number; readonly monotonicStops: boolean }
  | { readonly kind: "remove" | "add" | "disable" | "enable"; readonly at: number; readonly key: number };

export interface Network {
  /** From sending to the provider's counting, and back: at least so long, and up to `spreadMs` longer. */
  readonly leastMs: number;
  readonly spreadMs: number;
}

export interface Requests {
  readonly models: readonly string[];
  /** `undefined`: as the rotator would by itself. */
  readonly maxWaitMs: number | undefined;
  readonly priorities: readonly number[];
  readonly deadlineShare: number;
  /** Given up at a random time, while they wait. */
  readonly abortShare: number;
  /** Never leave the machine: connecting failed. */
  readonly unsentShare: number;
  /** Counted, then failed. */
  readonly failureShare: number;
  readonly inputTokens: readonly [least: number, most: number];
  readonly outputTokens: readonly [least: number, most: number];
  /** What is estimated, as a multiple of what will be used. */
  readonly estimate: readonly [least: number, most: number];
  /** From counting to headers, and from there to the end of the answer. */
  readonly thinkMs: readonly [least: number, most: number];
  readonly streamMs: readonly [least: number, most: number];
}

export interface World {
  readonly seed: number;
  readonly purpose: Purpose;
  /** Epoch milliseconds. */
  readonly startWall: number;
  readonly durationMs: number;
  readonly keys: readonly PlannedKey[];
  readonly limits: readonly Limit[];
  readonly strategy: StrategyName;
  readonly guardMs: number | undefined;
  readonly store: "memory" | "nasty";
  /** Longest way to a nasty store or back. */
  readonly storeDelayMs: number;
  readonly timerLagMs: number;
  readonly maxWaiting: number | undefined;
  readonly network: Network;
  readonly requests: Requests;
  readonly loads: readonly Load[];
  readonly incidents: readonly Incident[];
}

const periodMs = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 };

/** Length of a limit's window, milliseconds; 0 for concurrency. */
export function windowOf(limit: Limit): number {
  if (limit.concurrency !== undefined) return 0;
  const { per = "minute" } = limit;
  return typeof per === "number" ? per : periodMs[per];
}

/** The guard as it is promised, worked out anew. */
export function guardOf(world: Pick<World, "guardMs">, limit: Limit): number {
  if (limit.concurrency !== undefined) return world.guardMs ?? 1000;
  return world.guardMs ?? Math.max(25, Math.min(windowOf(limit) * 0.02, 1000));
}

export function allLimits(world: Pick<World, "limits" | "keys">): readonly Limit[] {
  return [...world.limits, ...world.keys.flatMap(({ limits }) => limits ?? [])];
}

/** The limits of one key: its own replace the pool's of the same id. */
export function limitsFor(world: Pick<World, "limits">, key: PlannedKey): readonly Limit[] {
  const own = key.limits ?? [];
  return [...world.limits.filter(({ id }) => own.every((limit) => limit.id !== id)), ...own];
}

/** Name of the account a key belongs to. */
export function accountOf(key: PlannedKey): string {
  return key.account ?? key.id;
}

export function amountOf(limit: Limit): number {
  const { requests, tokens, inputTokens, outputTokens, concurrency } = limit;
  return (requests ?? tokens ?? inputTokens ?? outputTokens ?? concurrency) as number;
}

export function countsTokens(limit: Limit): boolean {
  return limit.requests === undefined && limit.concurrency === undefined;
}

/** Does a provider's count of this limit stay within it, by what is promised? */
export function isPromised(world: World, limit: Limit): boolean {
  if (countsTokens(limit) && world.requests.estimate[0] < 1) return false;
  const { leastMs, spreadMs } = world.network;
  const backMs = world.store === "nasty" ? world.storeDelayMs : 0;
  const guardMs = guardOf(world, limit);
  // Only of a request that is given up does the provider learn later.
  if (limit.concurrency !== undefined) return world.requests.abortShare === 0 || spreadMs + backMs < guardMs;
  if (limit.window !== "calendar") return spreadMs + backMs < guardMs;
  // Calendars are compared by the wall clock: there the whole delay counts, not how it varies, and both clocks must be right.
  return leastMs + spreadMs + backMs < guardMs && world.incidents.every(({ kind }) => kind !== "set clock");
}
