import type { Lease } from "../lease.ts";
import type { NotNow } from "../ready/not-now.ts";
import type { AcquireRequest } from "../rotator-options.ts";

/** A request that waits for a key. */
export interface Waiter {
  readonly request: AcquireRequest;
  /** Lower numbers are served first. */
  readonly priority: number;
  /** The order in which requests came: a store may have answered them in another. */
  readonly arrival: number;
  /** Monotonic time up to which it may wait. */
  readonly deadline: number;
  readonly since: number;
  settled: boolean;
  /** How often somebody behind it was served while it wanted more than there was. */
  overtaken: number;
  /** The round of serving in which it was asked for last. */
  round: number;
  /** What the last question about it found. */
  last: NotNow | undefined;
  readonly grant: (lease: Lease) => void;
  readonly refuse: (reason: unknown) => void;
}

/** Who waits in a lane: by priority, then first come first served. Settled waiters leave when the line reaches them. */
export class WaitingLine {
  #line: Waiter[] = [];
  #start = 0;
  size = 0;
  /** Cancels the timer for the lane's next wake-up. */
  cancelTimer: (() => void) | undefined;
  timerAt = Number.POSITIVE_INFINITY;
  /** For so many in the line a store is being asked. */
  asking = 0;
  /** In this round somebody found nothing that those behind could have either. */
  isDry = false;
  /** Something changed meanwhile: another round follows. */
  again = false;
  round = 0;
  /** When somebody was served last, or the line began; monotonic. */
  servedAt = 0;
  /** When there is room for what somebody in the line wants, which is more than there is now; monotonic. */
  roomAt = Number.POSITIVE_INFINITY;

  push(waiter: Waiter): void {
    let place = this.#line.length;
    while (place > this.#start && isBefore(waiter, this.#line[place - 1] as Waiter)) place--;
    if (place === this.#line.length) this.#line.push(waiter);
    else this.#line.splice(place, 0, waiter);
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
    const line = this.#line;
    for (let place = this.#start; place < line.length; place++) {
      const waiter = line[place] as Waiter;
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

function isBefore(one: Waiter, other: Waiter): boolean {
  return one.priority === other.priority ? one.arrival < other.arrival : one.priority < other.priority;
}
