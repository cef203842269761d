import type { Clock } from "../src/types.ts";

/** Time that moves only when told, for measurements at an exact moment. Its timers never fire. */
export class ManualClock implements Clock {
  #now: number;
  readonly #wallOffset: number;

  constructor(options: { monotonic: number; wall: number }) {
    this.#now = options.monotonic;
    this.#wallOffset = options.wall - options.monotonic;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  monotonic(): number {
    return this.#now;
  }

  timer(): () => void {
    return () => undefined;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
