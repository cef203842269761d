import type { BucketTerms } from "../store.ts";

/** The two times of one decision: monotonic for spans, wall for calendar edges. */
export interface Instant {
  monotonic: number;
  wall: number;
}

/** Returned by `waitFor` when no time helps, only a release. */
export const untilRelease = -1;

/** What one bucket has counted. One implementation for each kind of window. */
export interface Counter {
  /** Milliseconds until `amount` fits; 0: it fits now; `untilRelease`: only a release helps; Infinity: never. */
  waitFor(amount: number, bucket: BucketTerms, at: Instant): number;
  /** Takes an amount that fits; returns a ticket that names it when it is settled. */
  take(amount: number, bucket: BucketTerms, at: Instant): number;
  /**
   * `change` corrects the amount taken to the `real` one; `delayMs` is how long after reserving the provider had counted, as
   * far as believed, for a place how long it stays taken; `now` is monotonic.
   */
  settle(ticket: number, change: number, delayMs: number, bucket: BucketTerms, now: number, real: number): void;
  /** Counts so much as used at least, as if what is missing had been taken now, and counted. Never lowers it. */
  raise(used: number, bucket: BucketTerms, at: Instant): void;
  used(bucket: BucketTerms, at: Instant): number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  resetInMs(bucket: BucketTerms, at: Instant): number | null;
  /** Is nothing left in it that a decision would still ask for? */
  isIdle(at: Instant): boolean;
  /** What it counts, for another process; `undefined` when nothing of it would outlive this one. Never holds what is no number. */
  dump(at: Instant): CounterDump | undefined;
  /** Takes up what a counter of the same kind dumped, without what has expired since. Only when nothing was taken yet. */
  load(dump: CounterDump, at: Instant): void;
}

/**
 * A counter as plain data. Its times are wall times, epoch milliseconds: monotonic time begins anew with every process.
 * `null` stands for a time that never comes.
 */
export type CounterDump = RollingDump | CalendarDump | AnchoredDump;

export interface RollingDump {
  readonly kind: "rolling";
  /** Window and guard, milliseconds. */
  readonly spanMs: number | null;
  /** Five numbers an entry, oldest first: amount, first and last reservation, is any unanswered (1 or 0), known delay. */
  readonly entries: readonly number[];
}

export interface CalendarDump {
  readonly kind: "calendar";
  readonly guardMs: number | null;
  readonly startBefore: number;
  readonly start: number;
  readonly end: number | null;
  readonly lastAt: number;
  readonly before: number;
  readonly now: number;
  readonly after: number;
}

export interface AnchoredDump {
  readonly kind: "anchored";
  /** Window and guard, milliseconds. */
  readonly spanMs: number | null;
  /** The provider's window began between these two. */
  readonly startedAt: number;
  readonly startedBy: number;
  readonly used: number;
}

/** A monotonic time as wall time. Rounded up: nothing may come back earlier than it would have without the restart. */
export function toWallTime(monotonic: number, at: Instant): number {
  return Math.ceil(monotonic - at.monotonic + at.wall);
}

/** A wall time as this process's monotonic time. What seems to lie ahead, by a clock that was set back, was just now. */
export function fromWallTime(wall: number, at: Instant): number {
  return Math.min(wall - at.wall, 0) + at.monotonic;
}

/** JSON knows no infinity. */
export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
