import type { BucketTerms } from "../store.ts";
import { type Counter, type Instant, untilRelease } from "./counter.ts";

/** Requests under way. */
export class ConcurrencyCounter implements Counter {
  #used = 0;
  /** When permits come back of requests that were given up: their provider learns of it a little later. Monotonic, in order. */
  readonly #leavingAt: number[] = [];

  waitFor(amount: number, bucket: BucketTerms, at: Instant): number {
    if (amount > bucket.limit) return Number.POSITIVE_INFINITY;
    if (this.#leavingAt.length > 0) this.#leave(at.monotonic);
    if (this.#used + amount <= bucket.limit) return 0;
    const [next] = this.#leavingAt;
    return next === undefined ? untilRelease : next - at.monotonic;
  }

  take(amount: number): number {
    this.#used += amount;
    return amount;
  }

  settle(ticket: number, _change: number, delayMs: number, _bucket: BucketTerms, now: number): void {
    // Given back already.
    if (ticket === 0) return;
    if (delayMs > 0) this.#leavingAt.push(now + delayMs);
    else this.#used -= ticket;
  }

  /** What is in flight here nobody else knows better. */
  raise(): void {}

  used(_bucket: BucketTerms, at: Instant): number {
    this.#leave(at.monotonic);
    return this.#used;
  }

  resetInMs(): null {
    return null;
  }

  isIdle(at: Instant): boolean {
    this.#leave(at.monotonic);
    return this.#used === 0;
  }

  /** What is under way ends with its process. */
  dump(): undefined {
    return undefined;
  }

  load(): void {}

  #leave(now: number): void {
    while ((this.#leavingAt[0] ?? Number.POSITIVE_INFINITY) <= now) {
      this.#leavingAt.shift();
      this.#used--;
    }
  }
}
