import type { Bucket } from "../store.ts";
import { type Counter, untilRelease } from "./counter.ts";

/** Requests under way. */
export class ConcurrencyCounter implements Counter {
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
