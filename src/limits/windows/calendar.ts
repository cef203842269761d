import type { Bucket } from "../store.ts";
import { type CalendarDump, type Counter, finiteOrNull, type Instant } from "./counter.ts";

/** No calendar window is longer: 31 days and the hour by which a clock is changed. */
const longestCalendarMs = 31 * 86_400_000 + 3_600_000;

/**
 * Counts of the window that holds now, and of its neighbours: within the guard of an edge nobody knows on which side the
 * provider counts, so an amount must fit on both and is charged to both.
 */
export class CalendarCounter implements Counter {
  #startBefore = 0;
  #lastAt = 0;
  #start = 0;
  #end = 0;
  #before = 0;
  #now = 0;
  #after = 0;
  #guardMs = 0;

  waitFor(amount: number, bucket: Bucket, at: Instant): number {
    this.#turn(bucket, at.wall);
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    const room = bucket.limit - amount;
    // Full: this window counts as the one before until the guard behind its end has passed.
    const isFull = this.#now > room || (this.#nearEnd(bucket, at.wall) && this.#after > room);
    if (isFull) return Math.max(1, this.#endAfter(at.wall) + bucket.guardMs - at.wall);
    if (this.#nearStart(bucket, at.wall) && this.#before > room) return this.#start + bucket.guardMs - at.wall;
    return 0;
  }

  take(amount: number, bucket: Bucket, at: Instant): number {
    this.#charge(amount, bucket, at.wall);
    this.#lastAt = at.wall;
    this.#guardMs = bucket.guardMs;
    return at.wall;
  }

  settle(ticket: number, change: number, _delayMs: number, bucket: Bucket): void {
    if (change !== 0) this.#charge(change, bucket, ticket);
  }

  raise(used: number, bucket: Bucket, at: Instant): void {
    const more = used - this.used(bucket, at);
    if (more > 0) this.take(more, bucket, at);
  }

  used(bucket: Bucket, at: Instant): number {
    this.#turn(bucket, at.wall);
    return this.#now;
  }

  resetInMs(bucket: Bucket, at: Instant): number | null {
    this.#turn(bucket, at.wall);
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
      startBefore: this.#startBefore,
      start: this.#start,
      end: finiteOrNull(this.#end),
      lastAt: this.#lastAt,
      before: this.#before,
      now: this.#now,
      after: this.#after,
    };
  }

  load(dump: CalendarDump, at: Instant): void {
    // By a clock that was set back by more than a window, nothing was taken yet in the one that holds now.
    if (dump.end !== null && dump.start - at.wall > dump.end - dump.start) return;
    this.#guardMs = dump.guardMs ?? Number.POSITIVE_INFINITY;
    this.#startBefore = dump.startBefore;
    this.#start = dump.start;
    this.#end = dump.end ?? Number.POSITIVE_INFINITY;
    this.#lastAt = dump.lastAt;
    this.#before = dump.before;
    this.#now = dump.now;
    this.#after = dump.after;
  }

  /** Wall time from which on its counts are of no window that holds, or held within the guard. */
  #countsUntil(): number {
    if (this.#end === Number.POSITIVE_INFINITY) return this.#lastAt + longestCalendarMs + this.#guardMs;
    // What was charged to the next window too counts to its end. Months differ by a tenth, and so do days.
    return this.#after === 0 ? this.#end + this.#guardMs : this.#end + 1.2 * (this.#end - this.#start);
  }

  #charge(amount: number, bucket: Bucket, wall: number): void {
    if (wall >= this.#start && wall < this.#end) {
      this.#now += amount;
      if (this.#nearEnd(bucket, wall)) this.#after += amount;
      if (this.#nearStart(bucket, wall)) this.#before += amount;
    } else if (wall < this.#start && wall >= this.#startBefore) {
      this.#before += amount;
      if (wall >= this.#start - bucket.guardMs) this.#now += amount;
    }
  }

  /** Where the end is not known yet, it is asked for again at once. */
  #endAfter(wall: number): number {
    return this.#end === Number.POSITIVE_INFINITY ? wall : this.#end;
  }

  #nearEnd(bucket: Bucket, wall: number): boolean {
    return wall >= this.#end - bucket.guardMs;
  }

  #nearStart(bucket: Bucket, wall: number): boolean {
    return wall < this.#start + bucket.guardMs;
  }

  #turn(bucket: Bucket, wall: number): void {
    const edges = bucket.edges as readonly [number, number, number];
    // Not destructured: that goes by an iterator, which would be made for every call.
    const start = edges[0];
    const end = edges[1];
    const nextEnd = edges[2];
    if (this.#end === Number.POSITIVE_INFINITY && wall < nextEnd) {
      // The edges are known again. What was counted meanwhile may be of this window, unless all of it is older.
      [this.#start, this.#end] = wall < end ? [start, end] : [end, nextEnd];
      if (this.#lastAt < this.#start - bucket.guardMs) this.#now = 0;
    }
    if (wall >= this.#start && wall < this.#end) return;
    // A wall clock set back keeps the count: giving a window's quota out twice is worse than waiting.
    if (wall < this.#start) return;
    const [nextStart, next] = nextWindow(start, end, nextEnd, wall);
    if (nextStart === this.#start) return;
    const follows = this.#end === nextStart;
    this.#startBefore = follows ? this.#start : this.#end;
    this.#before = follows ? this.#now : 0;
    this.#now = follows ? this.#after : 0;
    this.#after = 0;
    this.#start = nextStart;
    this.#end = next;
  }
}

/** Edges may be older than two windows; then the window that holds now began somewhen after them, and has no known end. */
function nextWindow(start: number, end: number, nextEnd: number, wall: number): [start: number, end: number] {
  if (wall < end) return [start, end];
  return wall < nextEnd ? [end, nextEnd] : [nextEnd, Number.POSITIVE_INFINITY];
}
