import type { BucketTerms } from "../store.ts";
import { type AnchoredDump, type Counter, finiteOrNull, fromWallTime, type Instant, toWallTime } from "./counter.ts";

/**
 * A window that starts at the first use after the last one ended. Where that use turns out not to have counted, it is known
 * only between which two times the provider's window began; around its end nothing is given out until it is over for sure,
 * because what is given out there could open the provider's next window unseen, and be followed by too much.
 */
export class AnchoredCounter implements Counter {
  /** The first use of this window. */
  #openedAt = Number.NEGATIVE_INFINITY;
  /** The provider's window began no earlier than this, and no later than that. */
  #earliest = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  #secondAt = Number.NaN;
  #lastAt = Number.NEGATIVE_INFINITY;
  /** The first use after the opening one that is known to have counted. */
  #countedAt = Number.POSITIVE_INFINITY;
  /** Uses that count, or may. */
  #uses = 0;
  #used = 0;
  /** How far the wall clock was ahead of the monotonic one when the window began: it goes on while the machine sleeps. */
  #drift = 0;
  /** Window and guard of the last use, milliseconds. */
  #spanMs = 0;

  waitFor(amount: number, bucket: BucketTerms, at: Instant): number {
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    const leftMs = this.#leftMs(bucket, at);
    if (leftMs <= 0) return 0;
    return !this.#mayHaveEnded(bucket, at) && this.#used + amount <= bucket.limit ? 0 : leftMs;
  }

  take(amount: number, bucket: BucketTerms, at: Instant): number {
    const now = at.monotonic;
    if (this.#leftMs(bucket, at) <= 0) {
      this.#openedAt = now;
      this.#earliest = now;
      this.#latest = now;
      this.#secondAt = Number.NaN;
      this.#countedAt = Number.POSITIVE_INFINITY;
      this.#drift = at.wall - now;
      this.#uses = 0;
      this.#used = 0;
    } else if (Number.isNaN(this.#secondAt)) this.#secondAt = now;
    this.#lastAt = now;
    this.#uses++;
    this.#used += amount;
    this.#spanMs = (bucket.windowMs as number) + bucket.guardMs;
    return now;
  }

  settle(ticket: number, change: number, _delayMs: number, _bucket: BucketTerms, _now: number, real: number): void {
    if (ticket < this.#openedAt) return;
    this.#used += change;
    if (real === 0) this.#neverCounted(ticket);
    else if (ticket > this.#openedAt && ticket < this.#countedAt) {
      // By then the provider's window had begun.
      this.#countedAt = ticket;
      this.#latest = Math.min(this.#latest, Math.max(ticket, this.#earliest));
    }
  }

  raise(used: number, bucket: BucketTerms, at: Instant): void {
    const more = used - this.used(bucket, at);
    if (more > 0) this.settle(this.take(more, bucket, at), 0, 0, bucket, at.monotonic, more);
  }

  used(bucket: BucketTerms, at: Instant): number {
    return this.#leftMs(bucket, at) <= 0 ? 0 : this.#used;
  }

  resetInMs(bucket: BucketTerms, at: Instant): number | null {
    const leftMs = this.#leftMs(bucket, at);
    return leftMs <= 0 ? null : leftMs;
  }

  isIdle(at: Instant): boolean {
    return this.#latest + this.#spanMs <= at.monotonic;
  }

  dump(at: Instant): AnchoredDump | undefined {
    if (!Number.isFinite(this.#used) || this.isIdle(at)) return undefined;
    const startedAt = toWallTime(this.#earliest, at);
    const startedBy = toWallTime(this.#latest, at);
    return { kind: "anchored", spanMs: finiteOrNull(this.#spanMs), startedAt, startedBy, used: this.#used };
  }

  load(dump: AnchoredDump, at: Instant): void {
    this.#spanMs = dump.spanMs ?? Number.POSITIVE_INFINITY;
    this.#openedAt = fromWallTime(dump.startedAt, at);
    this.#earliest = this.#openedAt;
    this.#latest = fromWallTime(dump.startedBy, at);
    this.#lastAt = this.#latest;
    this.#drift = at.wall - at.monotonic;
    // Somebody used it, and no ticket of theirs is known here.
    this.#uses = 1;
    this.#used = dump.used;
  }

  /** Then the provider's window began with a later use, or not at all. */
  #neverCounted(ticket: number): void {
    if (--this.#uses === 0) {
      this.#earliest = Number.NEGATIVE_INFINITY;
      this.#latest = Number.NEGATIVE_INFINITY;
    } else if (ticket === this.#earliest) {
      if (this.#secondAt > this.#earliest) this.#earliest = this.#secondAt;
      this.#latest = Math.min(this.#lastAt, Math.max(this.#countedAt, this.#earliest));
    }
  }

  #mayHaveEnded(bucket: BucketTerms, at: Instant): boolean {
    const sleptMs = Math.max(0, at.wall - at.monotonic - this.#drift);
    return at.monotonic - this.#earliest + sleptMs >= (bucket.windowMs as number) - bucket.guardMs;
  }

  /** Until it is over for sure. */
  #leftMs(bucket: BucketTerms, at: Instant): number {
    return this.#latest + (bucket.windowMs as number) + bucket.guardMs - at.monotonic;
  }
}
