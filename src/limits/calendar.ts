import type { WindowName } from "../types.ts";
import { ZoneClock } from "./zone-clock.ts";

/** Start and end of the calendar window that holds an instant, and the end of the one after it; epoch milliseconds. */
export type Edges = [start: number, end: number, nextEnd: number];

/** Boundaries of the minutes, hours, days or months of a time zone, also where its clocks change. */
export class Calendar {
  readonly #unit: WindowName;
  readonly #clock: ZoneClock;

  constructor(unit: WindowName, timeZone: string) {
    this.#unit = unit;
    this.#clock = ZoneClock.of(timeZone);
  }

  edgesAt(wall: number): Edges {
    const start = this.#startOf(wall);
    const end = this.#endAfter(start);
    return [start, end, this.#endAfter(end)];
  }

  #startOf(wall: number): number {
    switch (this.#unit) {
      case "second":
        return Math.floor(wall / 1000) * 1000;
      case "minute":
        return Math.floor(wall / 60_000) * 60_000;
      case "hour": {
        // Zones lie whole minutes apart from UTC, not whole hours.
        const local = this.#clock.local(wall);
        return Math.floor(wall / 1000) * 1000 - (local.minute * 60 + local.second) * 1000;
      }
      case "day": {
        const { year, month, day } = this.#clock.local(wall);
        return this.#instantOf(year, month, day);
      }
      case "month": {
        const { year, month } = this.#clock.local(wall);
        return this.#instantOf(year, month, 1);
      }
    }
  }

  #endAfter(start: number): number {
    switch (this.#unit) {
      case "second":
        return start + 1000;
      case "minute":
        return start + 60_000;
      case "hour":
        return start + 3_600_000;
      case "day": {
        const { year, month, day } = this.#clock.local(start);
        return this.#instantOf(year, month, day + 1);
      }
      case "month": {
        const { year, month } = this.#clock.local(start);
        return this.#instantOf(year, month + 1, 1);
      }
    }
  }

  /** The first instant of a local day: midnight, or what follows where the clocks skip it. */
  #instantOf(year: number, month: number, day: number): number {
    const wanted = Date.UTC(year, month - 1, day);
    let guess = wanted;
    for (let round = 0; round < 3; round++) {
      const difference = this.#clock.asUtc(guess) - wanted;
      if (difference === 0) break;
      guess -= difference;
    }
    if (this.#clock.asUtc(guess) < wanted) return this.#afterGap(guess, wanted);
    // Where midnight comes twice, the day begins at the first.
    for (const stepMs of [3_600_000, 1_800_000]) {
      if (this.#clock.asUtc(guess - stepMs) >= wanted) return guess - stepMs;
    }
    return guess;
  }

  #afterGap(before: number, wanted: number): number {
    let low = before;
    let high = before + 3 * 3_600_000;
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (this.#clock.asUtc(middle) < wanted) low = middle;
      else high = middle;
    }
    return high;
  }
}
