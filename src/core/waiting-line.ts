import type { Lease } from "./lease.ts";
import type { AcquireRequest } from "./rotator-options.ts";

/** A request that waits for a key. */
export interface Waiter {
  readonly request: AcquireRequest;
  /** Monotonic time up to which it may wait. */
  readonly deadline: number;
  readonly since: number;
  settled: boolean;
  readonly grant: (lease: Lease) => void;
  readonly refuse: (reason: unknown) => void;
}

/** Who waits in a lane, first come first served. Settled waiters leave when the line reaches them. */
export class WaitingLine {
  #line: Waiter[] = [];
  #start = 0;
  size = 0;
  /** Cancels the timer for the lane's next wake-up. */
  cancelTimer: (() => void) | undefined;
  timerAt = Number.POSITIVE_INFINITY;
  /** A store is being asked for the first in line. */
  asking = false;

  push(waiter: Waiter): void {
    this.#line.push(waiter);
    this.size++;
  }

  first(): Waiter | undefined {
    while (this.#start < this.#line.length) {
      const waiter = this.#line[this.#start] as Waiter;
      if (!waiter.settled) return waiter;
      this.#start++;
    }
    this.#line = [];
    this.#start = 0;
    return undefined;
  }

  *[Symbol.iterator](): Generator<Waiter> {
    for (let place = this.#start; place < this.#line.length; place++) {
      const waiter = this.#line[place] as Waiter;
      if (!waiter.settled) yield waiter;
    }
  }

  /** Called by a waiter that was granted, refused or aborted. */
  left(): void {
    this.size--;
    // Aborted waiters in the middle must not pile up behind one that waits long.
    if (this.#line.length - this.#start > 64 && this.size * 2 < this.#line.length - this.#start) {
      this.#line = this.#line.slice(this.#start).filter((waiter) => !waiter.settled);
      this.#start = 0;
    }
  }
}
