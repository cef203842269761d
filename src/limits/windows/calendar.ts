import type { BucketTerms } from "../store.ts";
import { type CalendarDump, type Counter, finiteOrNull, type Instant } from "./counter.ts";

/** No calendar window is longer: 31 days and the hour by which a clock is changed. */
const longestCalendarMs = 31 * 86_400_000 + 3_600_000;

/** A window, and when the one before began; epoch milliseconds. */
interface Turn {
  readonly startBefore: number;
  readonly start: number;
  readonly end: number;
}

const noTurn: Turn = { startBefore: 0, start: 0, end: 0 };

/** The present ones, by the edges that buckets of one calendar share. */
const turns = new WeakMap<readonly number[], Turn>();

/** Twelve days, the most that stays a small number. */
const longAgoMs = -(2 ** 30);

/**
 * Counts of the window that holds now, and of its neighbours: within the guard of an edge nobody knows on which side the
 * provider counts, so an amount must fit on both and is charged to both.
 */
export class CalendarCounter implements Counter {
  #turn = noTurn;
  /** When something was taken last, whole milliseconds from the window's start: small numbers need no memory of their own. */
  #lastMs = 0;
  #before = 0;
  #now = 0;
  #after = 0;
  #guardMs = 0;

  waitFor(amount: number, bucket: BucketTerms, at: Instant): number {
    this.#moveOn(bucket, at.wall);
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    const room = bucket.limit - amount;
    // Full: this window counts as the one before until the guard behind its end has passed.
    const isFull = this.#now > room || (this.#nearEnd(bucket, at.wall) && this.#after > room);
    if (isFull) return Math.max(1, this.#endAfter(at.wall) + bucket.guardMs - at.wall);
    if (this.#nearStart(bucket, at.wall) && this.#before > room) return this.#turn.start + bucket.guardMs - at.wall;
    return 0;
  }

  take(amount: number, bucket: BucketTerms, at: Instant): number {
    this.#charge(amount, bucket, at.wall);
    this.#lastMs = Math.ceil(at.wall - this.#turn.start);
    this.#guardMs = bucket.guardMs;
    return at.wall;
  }

  settle(ticket: number, change: number, _delayMs: number, bucket: BucketTerms): void {
    if (change !== 0) this.#charge(change, bucket, ticket);
  }

  raise(used: number, bucket: BucketTerms, at: Instant): void {
    const more = used - this.used(bucket, at);
    if (more > 0) this.take(more, bucket, at);
  }

  used(bucket: BucketTerms, at: Instant): number {
    this.#moveOn(bucket, at.wall);
    return this.#now;
  }

  resetInMs(bucket: BucketTerms, at: Instant): number | null {
    this.#moveOn(bucket, at.wall);
    return this.#now === 0 ? null : this.#endAfter(at.wall) - at.wall;
  }

  isIdle({ wall }: Instant): boolean {
    if (this.#now === 0 && this.#before === 0 && this.#after === 0) return true;
    return wall >= this.#countsUntil();
  }

  dump(at: Instant): CalendarDump | undefined {
    const isNumber = Number.isFinite(this.#before + this.#now + this.#after);
    if (!isNumber || this.isIdle(at)) return undefined;
    return {
      kind: "calendar",
      guardMs: finiteOrNull(this.#guardMs),
      startBefore: this.#turn.startBefore,
      start: this.#turn.start,
      end: finiteOrNull(this.#turn.end),
      lastAt: this.#lastAt(),
      before: this.#before,
      now: this.#now,
      after: this.#after,
    };
  }

  load(dump: CalendarDump, at: Instant): void {
    // By a clock that was set back by more than a window, nothing was taken yet in the one that holds now.
    if (dump.end !== null && dump.start - at.wall > dump.end - dump.start) return;
    this.#guardMs = dump.guardMs ?? Number.POSITIVE_INFINITY;
    const { startBefore, start, end } = dump;
    this.#turn = { startBefore, start, end: end ?? Number.POSITIVE_INFINITY };
    this.#lastMs = Math.ceil(dump.lastAt - start);
    this.#before = dump.before;
    this.#now = dump.now;
    this.#after = dump.after;
  }

  /** Wall time from which on its counts are of no window that holds, or held within the guard. */
  #countsUntil(): number {
    const { start, end } = this.#turn;
    if (end === Number.POSITIVE_INFINITY) return this.#lastAt() + longestCalendarMs + this.#guardMs;
    // What was charged to the next window too counts to its end. Months differ by a tenth, and so do days.
    return this.#after === 0 ? end + this.#guardMs : end + 1.2 * (end - start);
  }

  #charge(amount: number, bucket: BucketTerms, wall: number): void {
    const { startBefore, start, end } = this.#turn;
    if (wall >= start && wall < end) {
      this.#now += amount;
      if (this.#nearEnd(bucket, wall)) this.#after += amount;
      if (this.#nearStart(bucket, wall)) this.#before += amount;
    } else if (wall < start && wall >= startBefore) {
      this.#before += amount;
      if (wall >= start - bucket.guardMs) this.#now += amount;
    }
  }

  #lastAt(): number {
    return this.#turn.start + this.#lastMs;
  }

  /** Where the end is not known yet, it is asked for again at once. */
  #endAfter(wall: number): number {
    return this.#turn.end === Number.POSITIVE_INFINITY ? wall : this.#turn.end;
  }

  #nearEnd(bucket: BucketTerms, wall: number): boolean {
    return wall >= this.#turn.end - bucket.guardMs;
  }

  #nearStart(bucket: BucketTerms, wall: number): boolean {
    return wall < this.#turn.start + bucket.guardMs;
  }

  #moveOn(bucket: BucketTerms, wall: number): void {
    const edges = bucket.edges as readonly [number, number, number];
    // Not destructured: that goes by an iterator, which would be made for every call.
    const start = edges[0];
    const end = edges[1];
    const nextEnd = edges[2];
    if (this.#turn.end === Number.POSITIVE_INFINITY && wall < nextEnd) {
      // The edges are known again. What was counted meanwhile may be of this window, unless all of it is older.
      const { startBefore } = this.#turn;
      if (wall < end) this.#turnTo(edges, startBefore, start, end);
      else this.#turnTo(edges, startBefore, end, nextEnd);
      if (this.#lastMs < -bucket.guardMs) this.#now = 0;
    }
    const turn = this.#turn;
    // A wall clock set back keeps the count: giving a window's quota out twice is worse than waiting.
    if (wall < turn.end) return;
    const [nextStart, next] = nextWindow(start, end, nextEnd, wall);
    if (nextStart === turn.start) return;
    const follows = turn.end === nextStart;
    this.#before = follows ? this.#now : 0;
    this.#now = follows ? this.#after : 0;
    this.#after = 0;
    this.#turnTo(edges, follows ? turn.start : turn.end, nextStart, next);
  }

  #turnTo(edges: readonly number[], startBefore: number, start: number, end: number): void {
    this.#lastMs = Math.max(this.#lastMs + this.#turn.start - start, longAgoMs);
    this.#turn = turnOf(edges, startBefore, start, end);
  }
}

/** One for all that count by the same calendar. */
function turnOf(edges: readonly number[], startBefore: number, start: number, end: number): Turn {
  const known = turns.get(edges);
  if (known?.start === start && known.end === end && known.startBefore === startBefore) return known;
  const turn: Turn = { startBefore, start, end };
  turns.set(edges, turn);
  return turn;
}

/** Edges may be older than two windows; then the window that holds now began somewhen after them, and has no known end. */
function nextWindow(start: number, end: number, nextEnd: number, wall: number): [start: number, end: number] {
  if (wall < end) return [start, end];
  return wall < nextEnd ? [end, nextEnd] : [nextEnd, Number.POSITIVE_INFINITY];
}
