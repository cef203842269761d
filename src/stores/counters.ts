import type { Bucket } from "./store.ts";

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
  waitFor(amount: number, bucket: Bucket, at: Instant): number;
  /** Takes an amount that fits; returns a ticket that names it when it is settled. */
  take(amount: number, bucket: Bucket, at: Instant): number;
  /** `change` corrects the amount taken; `delayMs` is how long after reserving the provider had counted, as far as believed; `now` is monotonic. */
  settle(ticket: number, change: number, delayMs: number, bucket: Bucket, now: number): void;
  used(bucket: Bucket, at: Instant): number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  resetInMs(bucket: Bucket, at: Instant): number | null;
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

interface RollingDump {
  readonly kind: "rolling";
  /** Window and guard, milliseconds. */
  readonly spanMs: number | null;
  /** Five numbers an entry, oldest first: amount, first and last reservation, is any unanswered (1 or 0), known delay. */
  readonly entries: readonly number[];
}

interface CalendarDump {
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

interface AnchoredDump {
  readonly kind: "anchored";
  /** Window and guard, milliseconds. */
  readonly spanMs: number | null;
  readonly startedAt: number;
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

export function createCounter(kind: Bucket["kind"]): Counter {
  switch (kind) {
    case "rolling":
      return new RollingCounter();
    case "calendar":
      return new CalendarCounter();
    case "anchored":
      return new AnchoredCounter();
    case "concurrency":
      return new ConcurrencyCounter();
  }
}

const fields = 5;
const AMOUNT = 0;
const FIRST_AT = 1;
const LAST_AT = 2;
const PENDING = 3;
const DELAY = 4;
/** Arrivals within this share of the window are kept as one entry: at most a hundred entries, one percent of the use. */
const grain = 0.01;

/** Plain numbers next to their array: a typed array keeps its memory elsewhere, one more miss of the cache for a rare key. */
function emptyEntries(capacity: number): number[] {
  const entries: number[] = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  while (entries.length < capacity * fields) entries.push(0.5);
  return entries;
}

/**
 * A log of what was taken, oldest first, in one array of numbers: amount, first and last reservation, how many of them
 * have no answer yet, and the longest known delay until the provider counted.
 */
class RollingCounter implements Counter {
  #entries = emptyEntries(2);
  #mask = 1;
  #head = 0;
  #tail = 0;
  #used = 0;
  /** Charged at the next look at the clock. */
  #overrun = 0;
  /** Window and guard of the last use, milliseconds. */
  #spanMs = 0;

  waitFor(amount: number, bucket: Bucket, at: Instant): number {
    this.#forget(bucket, at.monotonic);
    const over = this.#used + amount - bucket.limit;
    if (over <= 0) return 0;
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    let freed = 0;
    let freeAt = at.monotonic;
    for (let entry = this.#head; entry < this.#tail && freed < over; entry++) {
      freed += this.#field(entry, AMOUNT);
      freeAt = Math.max(freeAt, this.#freeAt(entry, bucket));
    }
    return Math.max(freeAt - at.monotonic, 0.001);
  }

  take(amount: number, bucket: Bucket, at: Instant): number {
    const now = at.monotonic;
    this.#used += amount;
    this.#spanMs = (bucket.windowMs as number) + bucket.guardMs;
    const last = this.#tail - 1;
    if (last >= this.#head && now - this.#field(last, FIRST_AT) < (bucket.windowMs as number) * grain) {
      const offset = (last & this.#mask) * fields;
      this.#entries[offset + AMOUNT] = this.#field(last, AMOUNT) + amount;
      this.#entries[offset + LAST_AT] = now;
      this.#entries[offset + PENDING] = this.#field(last, PENDING) + 1;
      return last;
    }
    return this.#append(amount, now, 1);
  }

  #append(amount: number, now: number, pending: number): number {
    if (this.#tail - this.#head > this.#mask) this.#grow();
    const offset = (this.#tail & this.#mask) * fields;
    this.#entries[offset + AMOUNT] = amount;
    this.#entries[offset + FIRST_AT] = now;
    this.#entries[offset + LAST_AT] = now;
    this.#entries[offset + PENDING] = pending;
    this.#entries[offset + DELAY] = 0;
    return this.#tail++;
  }

  settle(ticket: number, change: number, delayMs: number, bucket: Bucket, now: number): void {
    if (ticket >= this.#tail) return;
    if (ticket < this.#head || (change > 0 && this.#freeAt(ticket, bucket) <= now)) {
      // The answer outlived its window: what it used beyond the estimate counts from now on.
      if (change > 0) this.#overrun += change;
      return;
    }
    const offset = (ticket & this.#mask) * fields;
    this.#entries[offset + PENDING] = this.#field(ticket, PENDING) - 1;
    if (delayMs > this.#field(ticket, DELAY)) this.#entries[offset + DELAY] = delayMs;
    if (change !== 0) {
      this.#entries[offset + AMOUNT] = this.#field(ticket, AMOUNT) + change;
      this.#used += change;
    }
  }

  used(bucket: Bucket, at: Instant): number {
    this.#forget(bucket, at.monotonic);
    return this.#used;
  }

  resetInMs(bucket: Bucket, at: Instant): number | null {
    this.#forget(bucket, at.monotonic);
    return this.#head === this.#tail ? null : this.#freeAt(this.#head, bucket) - at.monotonic;
  }

  isIdle(at: Instant): boolean {
    if (this.#overrun > 0) return false;
    // The last one is mostly the last to end.
    for (let entry = this.#tail - 1; entry >= this.#head; entry--) if (this.#mayCount(entry, at)) return false;
    return true;
  }

  dump(at: Instant): RollingDump | undefined {
    if (this.#overrun > 0) this.#chargeOverrun(at.monotonic);
    const entries: number[] = [];
    for (let entry = this.#head; entry < this.#tail; entry++) {
      const amount = this.#field(entry, AMOUNT);
      if (amount === 0 || !Number.isFinite(amount) || !this.#mayCount(entry, at)) continue;
      const firstAt = toWallTime(this.#field(entry, FIRST_AT), at);
      const lastAt = toWallTime(this.#field(entry, LAST_AT), at);
      // Nobody will answer in another process: what has no answer yet keeps the full guard.
      entries.push(amount, firstAt, lastAt, this.#field(entry, PENDING) > 0 ? 1 : 0, this.#field(entry, DELAY));
    }
    return entries.length === 0 ? undefined : { kind: "rolling", spanMs: finiteOrNull(this.#spanMs), entries };
  }

  load(dump: RollingDump, at: Instant): void {
    this.#spanMs = dump.spanMs ?? Number.POSITIVE_INFINITY;
    for (let from = 0; from < dump.entries.length; from += fields) {
      const [amount, firstAt, lastAt, pending, delay] = dump.entries.slice(from, from + fields) as [
        number,
        number,
        number,
        number,
        number,
      ];
      const entry = this.#append(amount, fromWallTime(lastAt, at), pending);
      const offset = (entry & this.#mask) * fields;
      this.#entries[offset + FIRST_AT] = fromWallTime(firstAt, at);
      this.#entries[offset + DELAY] = delay;
      if (this.#mayCount(entry, at)) this.#used += amount;
      else this.#tail--;
    }
  }

  /** Never says no too early; a bucket says it to the millisecond. */
  #mayCount(entry: number, at: Instant): boolean {
    return this.#field(entry, LAST_AT) + this.#spanMs + this.#field(entry, DELAY) > at.monotonic;
  }

  #forget(bucket: Bucket, now: number): void {
    while (this.#head < this.#tail && this.#freeAt(this.#head, bucket) <= now) {
      this.#used -= this.#field(this.#head, AMOUNT);
      this.#head++;
    }
    // Sums of token estimates must not drift through rounding.
    if (this.#head === this.#tail) this.#used = 0;
    if (this.#overrun > 0) this.#chargeOverrun(now);
  }

  #chargeOverrun(now: number): void {
    const amount = this.#overrun;
    this.#overrun = 0;
    this.#used += amount;
    this.#append(amount, now, 0);
  }

  #freeAt(entry: number, bucket: Bucket): number {
    const delay = this.#field(entry, PENDING) > 0 ? bucket.guardMs : this.#field(entry, DELAY);
    return this.#field(entry, LAST_AT) + (bucket.windowMs as number) + delay;
  }

  #field(entry: number, field: number): number {
    return this.#entries[(entry & this.#mask) * fields + field] as number;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const larger = emptyEntries(capacity);
    for (let entry = this.#head; entry < this.#tail; entry++) {
      const to = (entry & (capacity - 1)) * fields;
      for (let field = 0; field < fields; field++) larger[to + field] = this.#field(entry, field);
    }
    this.#entries = larger;
    this.#mask = capacity - 1;
  }
}

/** No calendar window is longer: 31 days and the hour by which a clock is changed. */
const longestCalendarMs = 31 * 86_400_000 + 3_600_000;

/**
 * Counts of the window that holds now, and of its neighbours: within the guard of an edge nobody knows on which side the
 * provider counts, so an amount must fit on both and is charged to both.
 */
class CalendarCounter implements Counter {
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
    const [start, end, nextEnd] = bucket.edges as readonly [number, number, number];
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

/** A window that starts at the first use after the last one ended. */
class AnchoredCounter implements Counter {
  #startedAt = Number.NEGATIVE_INFINITY;
  #used = 0;
  /** Window and guard of the last use, milliseconds. */
  #spanMs = 0;

  waitFor(amount: number, bucket: Bucket, at: Instant): number {
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    const leftMs = this.#leftMs(bucket, at);
    if (leftMs <= 0) return 0;
    // Around the end, a request could open the provider's next window unseen, and overfill it with what follows.
    const isNearEnd = leftMs <= 2 * bucket.guardMs;
    return !isNearEnd && this.#used + amount <= bucket.limit ? 0 : leftMs;
  }

  take(amount: number, bucket: Bucket, at: Instant): number {
    if (this.#leftMs(bucket, at) <= 0) {
      this.#startedAt = at.monotonic;
      this.#used = 0;
    }
    this.#used += amount;
    this.#spanMs = (bucket.windowMs as number) + bucket.guardMs;
    return this.#startedAt;
  }

  settle(ticket: number, change: number): void {
    if (ticket === this.#startedAt) this.#used += change;
  }

  used(bucket: Bucket, at: Instant): number {
    return this.#leftMs(bucket, at) <= 0 ? 0 : this.#used;
  }

  resetInMs(bucket: Bucket, at: Instant): number | null {
    const leftMs = this.#leftMs(bucket, at);
    return leftMs <= 0 ? null : leftMs;
  }

  isIdle(at: Instant): boolean {
    return this.#startedAt + this.#spanMs <= at.monotonic;
  }

  dump(at: Instant): AnchoredDump | undefined {
    if (!Number.isFinite(this.#used) || this.isIdle(at)) return undefined;
    const startedAt = toWallTime(this.#startedAt, at);
    return { kind: "anchored", spanMs: finiteOrNull(this.#spanMs), startedAt, used: this.#used };
  }

  load(dump: AnchoredDump, at: Instant): void {
    this.#spanMs = dump.spanMs ?? Number.POSITIVE_INFINITY;
    this.#startedAt = fromWallTime(dump.startedAt, at);
    this.#used = dump.used;
  }

  #leftMs(bucket: Bucket, at: Instant): number {
    return this.#startedAt + (bucket.windowMs as number) + bucket.guardMs - at.monotonic;
  }
}

/** Requests under way. */
class ConcurrencyCounter implements Counter {
  #used = 0;

  waitFor(amount: number, bucket: Bucket): number {
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    return this.#used + amount <= bucket.limit ? 0 : untilRelease;
  }

  take(amount: number): number {
    this.#used += amount;
    return amount;
  }

  settle(ticket: number): void {
    this.#used -= ticket;
  }

  used(): number {
    return this.#used;
  }

  resetInMs(): null {
    return null;
  }

  isIdle(): boolean {
    return this.#used === 0;
  }

  /** What is under way ends with its process. */
  dump(): undefined {
    return undefined;
  }

  load(): void {}
}
