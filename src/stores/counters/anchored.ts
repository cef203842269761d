import type { Bucket } from "../store.ts";
import { type AnchoredDump, type Counter, finiteOrNull, fromWallTime, type Instant, toWallTime } from "./counter.ts";

/** A window that starts at the first use after the last one ended. */
export class AnchoredCounter implements Counter {
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
