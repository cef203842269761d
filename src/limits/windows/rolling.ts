import type { BucketTerms } from "../store.ts";
import { type Counter, finiteOrNull, fromWallTime, type Instant, type RollingDump, toWallTime } from "./counter.ts";

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
  let entries: number[] = [0.5, 0.5, 0.5, 0.5, 0.5];
  // Pushed to, it would have room for half as many more.
  while (entries.length < capacity * fields) entries = entries.concat(entries);
  return entries;
}

/**
 * A log of what was taken, oldest first, in one array of numbers: amount, first and last reservation, how many of them
 * have no answer yet, and the longest known delay until the provider counted.
 */
export class RollingCounter implements Counter {
  #entries = emptyEntries(1);
  #mask = 0;
  #head = 0;
  #tail = 0;
  #used = 0;
  /** Charged at the next look at the clock. */
  #overrun = 0;
  /** Window and guard of the last use, milliseconds. */
  #spanMs = 0;

  waitFor(amount: number, bucket: BucketTerms, at: Instant): number {
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

  take(amount: number, bucket: BucketTerms, at: Instant): number {
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

  settle(ticket: number, change: number, delayMs: number, bucket: BucketTerms, now: number): void {
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

  raise(used: number, bucket: BucketTerms, at: Instant): void {
    const more = used - this.used(bucket, at);
    if (more <= 0) return;
    this.#used += more;
    this.#spanMs = (bucket.windowMs as number) + bucket.guardMs;
    this.#append(more, at.monotonic, 0);
  }

  used(bucket: BucketTerms, at: Instant): number {
    this.#forget(bucket, at.monotonic);
    return this.#used;
  }

  resetInMs(bucket: BucketTerms, at: Instant): number | null {
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

  #forget(bucket: BucketTerms, now: number): void {
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

  #freeAt(entry: number, bucket: BucketTerms): number {
    const known = this.#field(entry, DELAY);
    const delay = this.#field(entry, PENDING) > 0 ? Math.max(bucket.guardMs, known) : known;
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
