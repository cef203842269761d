import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/types.ts";

/** The platform's clock, which knows what timers are armed. */
export class CountingClock implements Clock {
  readonly #open = new Map<symbol, number>();

  /** Delays of the timers that neither fired nor were cancelled, milliseconds. */
  get openTimers(): readonly number[] {
    return [...this.#open.values()];
  }

  wall(): number {
    return systemClock.wall();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  timer(callback: () => void, delayMs: number, background?: boolean): () => void {
    const name = Symbol();
    this.#open.set(name, delayMs);
    const fire = (): void => {
      this.#open.delete(name);
      callback();
    };
    const cancel = systemClock.timer(fire, delayMs, background);
    return () => {
      this.#open.delete(name);
      cancel();
    };
  }
}
