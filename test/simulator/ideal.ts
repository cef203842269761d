import { calendarPeriod } from "../../src/testing/calendar-period.ts";
import type { Limit, WindowName } from "../../src/types.ts";
import { amountOf, guardOf, type World, windowOf } from "./world.ts";

/** When the next request fits, and that it is taken then. */
interface Pace {
  freeAt(at: number): number;
  take(at: number): void;
}

/** A request that opens a connection may be counted so much later than the guard, as far as its headers' time bears it out. */
const openingMs = 5000;

/** From the moment something is free until it is given out: late timers, and three questions to a store, there and back. */
function wakeMs({ timerLagMs, storeDelayMs, store }: World): number {
  return timerLagMs + 1 + (store === "memory" ? 0 : 6 * (storeDelayMs + timerLagMs));
}

/**
 * How much of a request limit must be usable: a limit of n in a window is used as well as one of n in a window 1/0.95 as long;
 * or, where guard and late headers are more than 2 % of the window, 3 % longer than the window with those.
 */
function cycleMs(world: World, limit: Limit): number {
  const windowMs = windowOf(limit);
  const headersMs = world.requests.thinkMs[1] + 2 * (world.network.leastMs + world.network.spreadMs);
  const guardMs = guardOf(world, limit);
  const keptMs = limit.window === "anchored" ? guardMs : Math.max(guardMs, Math.min(headersMs, guardMs + openingMs));
  return Math.max(windowMs / 0.95, (windowMs + keptMs) / 0.97) + wakeMs(world);
}

class RollingPace implements Pace {
  readonly #taken: number[] = [];
  readonly #most: number;
  readonly #cycleMs: number;

  constructor(most: number, cycle: number) {
    this.#most = most;
    this.#cycleMs = cycle;
  }

  freeAt(at: number): number {
    const before = this.#taken[this.#taken.length - this.#most];
    return before === undefined ? at : Math.max(at, before + this.#cycleMs);
  }

  take(at: number): void {
    this.#taken.push(at);
  }
}

class AnchoredPace implements Pace {
  readonly #most: number;
  readonly #cycleMs: number;
  #startedAt = Number.NEGATIVE_INFINITY;
  #used = 0;

  constructor(most: number, cycle: number) {
    this.#most = most;
    this.#cycleMs = cycle;
  }

  freeAt(at: number): number {
    if (at >= this.#startedAt + this.#cycleMs || this.#used < this.#most) return at;
    return this.#startedAt + this.#cycleMs;
  }

  take(at: number): void {
    if (at >= this.#startedAt + this.#cycleMs) {
      this.#startedAt = at;
      this.#used = 0;
    }
    this.#used++;
  }
}

/**
 * Full use of every period; a new one may be begun late by the guard and 2 % of its length, and what is taken within the guard
 * of its end counts in the next one too.
 */
class CalendarPace implements Pace {
  readonly #most: number;
  /** How long before a period's end what is taken counts in the next one too: a store over a network decides a little later. */
  readonly #closingMs: number;
  readonly #lateMs: number;
  readonly #startWall: number;
  readonly #endAfter: (at: number) => number;
  #end = Number.NEGATIVE_INFINITY;
  #used = 0;
  #usedOfNext = 0;

  constructor(world: World, limit: Limit, endAfter: (at: number) => number) {
    this.#most = amountOf(limit);
    const guardMs = guardOf(world, limit);
    this.#closingMs = guardMs + (world.store === "nasty" ? world.storeDelayMs : 0);
    this.#lateMs = guardMs + windowOf(limit) * 0.02 + wakeMs(world);
    this.#startWall = world.startWall;
    this.#endAfter = endAfter;
  }

  freeAt(at: number): number {
    if (at >= this.#end + this.#lateMs) {
      this.#turn(at);
      return this.#used < this.#most ? at : this.#end + this.#lateMs;
    }
    const isFull = this.#used >= this.#most || at >= this.#end - this.#closingMs;
    return isFull && this.#used > 0 ? this.#end + this.#lateMs : at;
  }

  take(at: number): void {
    this.#turn(at);
    this.#used++;
    if (at >= this.#end - this.#closingMs) this.#usedOfNext++;
  }

  #turn(at: number): void {
    if (at < this.#end) return;
    const before = this.#end;
    this.#end = this.#endAfter(this.#startWall + at) - this.#startWall;
    const follows = Number.isFinite(before) && this.#endAfter(this.#startWall + before) === this.#startWall + this.#end;
    this.#used = follows ? this.#usedOfNext : 0;
    this.#usedOfNext = 0;
  }
}

function paceOf(world: World, limit: Limit, ends: Map<string, (at: number) => number>): Pace {
  if (limit.window !== "calendar") {
    const Kind = limit.window === "anchored" ? AnchoredPace : RollingPace;
    return new Kind(amountOf(limit), cycleMs(world, limit));
  }
  const { per = "minute", timeZone = "UTC" } = limit;
  const name = `${per} ${timeZone}`;
  let endAfter = ends.get(name);
  if (endAfter === undefined) {
    let last = { start: 0, end: 0 };
    // Subjects are worked out one after the other: what the calendar says is kept for all.
    const known: (typeof last)[] = [];
    endAfter = (wall) => {
      const holds = ({ start, end }: typeof last): boolean => wall >= start && wall < end;
      if (!holds(last)) last = known.find(holds) ?? calendarPeriod(wall, per as WindowName, timeZone);
      if (!known.includes(last)) known.push(last);
      return last.end;
    };
    ends.set(name, endAfter);
  }
  return new CalendarPace(world, limit, endAfter);
}

/** When a pool that uses just as much as it must would have served each request of one subject, up to `until`. */
export class IdealPool {
  readonly #world: World;
  readonly #ends = new Map<string, (at: number) => number>();

  constructor(world: World) {
    this.#world = world;
  }

  times(limits: readonly Limit[], until: number): readonly number[] {
    const paces = limits.map((limit) => paceOf(this.#world, limit, this.#ends));
    const times: number[] = [];
    let at = 0;
    for (;;) {
      for (let settled = false; !settled; ) {
        const next = Math.max(...paces.map((pace) => pace.freeAt(at)));
        settled = next === at;
        at = next;
      }
      if (at > until || times.length > 100_000) return times;
      for (const pace of paces) pace.take(at);
      times.push(at);
    }
  }
}
