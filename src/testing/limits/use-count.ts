import type { WindowName } from "../../types.ts";
import { type CalendarPeriod, calendarPeriod } from "../calendar-period.ts";

/** One moment on both sides of a clock, milliseconds. */
export interface Instant {
  /** Never goes back from one call to the next. */
  readonly at: number;
  /** Epoch. May jump. */
  readonly wall: number;
}

/** What one limit has counted for one subject. */
export interface UseCount {
  /** What counts against the limit now. */
  used(now: Instant): number;
  add(now: Instant, amount: number): void;
  /** Takes back what was under way. Does nothing to a window. */
  end(amount: number): void;
  /** Milliseconds until `amount` has room below `max`, if it fits at all; `null` when time alone does not help. */
  waitMs(now: Instant, amount: number, max: number): number | null;
  /** Milliseconds until nothing that is counted now counts any more; 0 when nothing does, `null` when it is unknown. */
  resetMs(now: Instant): number | null;
}

/** As many forgotten entries at the front of a list are worth copying the rest. */
const compactFrom = 4_096;

/** Counts every use for `windowMs`: at `t` those in `(t - windowMs, t]`. */
export class RollingCount implements UseCount {
  readonly #windowMs: number;
  /** When something was used, ascending. */
  #at: number[] = [];
  /** Everything used up to and including the entry of the same place. */
  #totals: number[] = [];
  #first = 0;
  #forgotten = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  used(now: Instant): number {
    this.#forgetUntil(now.at);
    return this.#total() - this.#forgotten;
  }

  add(now: Instant, amount: number): void {
    if (amount === 0) return;
    this.#totals.push(this.#total() + amount);
    this.#at.push(now.at);
  }

  end(): void {}

  waitMs(now: Instant, amount: number, max: number): number {
    const mustLeave = this.used(now) + amount - max;
    return mustLeave <= 0 ? 0 : this.#leavesInMs(now, this.#firstWith(this.#forgotten + mustLeave));
  }

  resetMs(now: Instant): number {
    return this.used(now) === 0 ? 0 : this.#leavesInMs(now, this.#at.length - 1);
  }

  #total(): number {
    return this.#totals.at(-1) ?? this.#forgotten;
  }

  #leavesInMs(now: Instant, place: number): number {
    return this.#windowMs - (now.at - this.#at[place]!);
  }

  /** The first entry with which at least `total` has been used; there is one. */
  #firstWith(total: number): number {
    let low = this.#first;
    let high = this.#totals.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#totals[middle]! >= total) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forgetUntil(at: number): void {
    while (this.#first < this.#at.length && at - this.#at[this.#first]! >= this.#windowMs) {
      this.#forgotten = this.#totals[this.#first]!;
      this.#first++;
    }
    if (this.#first < compactFrom || this.#first * 2 < this.#at.length) return;
    this.#at = this.#at.slice(this.#first);
    this.#totals = this.#totals.slice(this.#first);
    this.#first = 0;
  }
}

/** Counts what was used since the window began, which is at the first use after the one before has ended. */
export class AnchoredCount implements UseCount {
  readonly #windowMs: number;
  #startedAt = Number.NEGATIVE_INFINITY;
  #used = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  used(now: Instant): number {
    return this.#isOver(now) ? 0 : this.#used;
  }

  add(now: Instant, amount: number): void {
    if (amount === 0) return;
    if (this.#isOver(now)) {
      this.#startedAt = now.at;
      this.#used = 0;
    }
    this.#used += amount;
  }

  end(): void {}

  waitMs(now: Instant, amount: number, max: number): number {
    return this.used(now) + amount <= max ? 0 : this.resetMs(now);
  }

  resetMs(now: Instant): number {
    return this.#isOver(now) ? 0 : this.#windowMs - (now.at - this.#startedAt);
  }

  #isOver(now: Instant): boolean {
    return now.at - this.#startedAt >= this.#windowMs;
  }
}

/** The periods of a time zone's calendar. Looking one up is slow, so the last one is remembered for all who share this. */
export class Periods {
  readonly #unit: WindowName;
  readonly #timeZone: string;
  #known: CalendarPeriod | undefined;

  constructor(unit: WindowName, timeZone: string) {
    this.#unit = unit;
    this.#timeZone = timeZone;
  }

  at(wall: number): CalendarPeriod {
    const known = this.#known;
    if (known !== undefined && wall >= known.start && wall < known.end) return known;
    const period = calendarPeriod(wall, this.#unit, this.#timeZone);
    this.#known = period;
    return period;
  }
}

/** Counts by the periods of a calendar. */
export class CalendarCount implements UseCount {
  readonly #periods: Periods;
  /** By where the period starts: the wall clock may go back into one that was counted before. */
  readonly #usedFrom = new Map<number, number>();

  constructor(periods: Periods) {
    this.#periods = periods;
  }

  used(now: Instant): number {
    return this.#usedFrom.get(this.#periods.at(now.wall).start) ?? 0;
  }

  add(now: Instant, amount: number): void {
    if (amount > 0) this.#usedFrom.set(this.#periods.at(now.wall).start, this.used(now) + amount);
  }

  end(): void {}

  waitMs(now: Instant, amount: number, max: number): number {
    return this.used(now) + amount <= max ? 0 : this.#periods.at(now.wall).end - now.wall;
  }

  resetMs(now: Instant): number {
    return this.used(now) === 0 ? 0 : this.#periods.at(now.wall).end - now.wall;
  }
}

/** Counts what is under way. */
export class OpenCount implements UseCount {
  #open = 0;

  used(): number {
    return this.#open;
  }

  add(_now: Instant, amount: number): void {
    this.#open += amount;
  }

  end(amount: number): void {
    this.#open -= amount;
  }

  waitMs(_now: Instant, amount: number, max: number): number | null {
    return this.#open + amount <= max ? 0 : null;
  }

  resetMs(): number | null {
    return this.#open === 0 ? 0 : null;
  }
}
