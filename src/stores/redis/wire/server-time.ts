import type { Clock } from "../../../types.ts";

/** The server's time as far as it is known here: what it said last, and the time since. */
export class ServerTime implements Clock {
  readonly #clock: Clock;
  #aheadMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#aheadMs = clock.wall() - clock.monotonic();
  }

  heard(now: number): void {
    this.#aheadMs = now - this.#clock.monotonic();
  }

  monotonic(): number {
    return Math.floor(this.#clock.monotonic() + this.#aheadMs);
  }

  wall(): number {
    return this.monotonic();
  }

  timer(callback: () => void, delayMs: number, background?: boolean): () => void {
    return this.#clock.timer(callback, delayMs, background);
  }
}
