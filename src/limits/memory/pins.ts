import type { Clock } from "../../types.ts";
import type { Pins } from "../store.ts";

/** So many are kept; beyond that, what was put first goes. */
const mostPins = 10_000;

interface Pin {
  readonly value: string;
  /** Monotonic time. */
  readonly until: number;
}

/** Small texts by name, in memory. */
export class MemoryPins implements Pins {
  readonly #clock: Pick<Clock, "monotonic">;
  /** What was put last comes last. */
  readonly #pins = new Map<string, Pin>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  put(name: string, value: string, forMs: number): void {
    this.#pins.delete(name);
    this.#pins.set(name, { value, until: this.#clock.monotonic() + forMs });
    if (this.#pins.size <= mostPins) return;
    this.#sweep();
    for (const first of this.#pins.keys()) {
      if (this.#pins.size <= mostPins) return;
      this.#pins.delete(first);
    }
  }

  get(name: string): string | undefined {
    const pin = this.#pins.get(name);
    if (pin === undefined || pin.until > this.#clock.monotonic()) return pin?.value;
    this.#pins.delete(name);
    return undefined;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [name, { until }] of this.#pins) if (until <= now) this.#pins.delete(name);
  }
}
