import type { Clock } from "../../src/types.ts";
import { EventHeap, type TimedEvent } from "./event-heap.ts";

/** Times are kept on a grid on which sums of them are exact, so that no timer fires a rounding error early. */
function onGrid(ms: number): number {
  return Math.ceil(ms * 1024) / 1024;
}

/** Beyond so many events, something plans itself anew for ever. */
const mostEvents = 600_000;

/** Whose event it is: while the machine sleeps, the world goes on and what concerns the machine waits. */
export type Place = "world" | "machine";

export interface SimulatedTimeOptions {
  readonly startWall: number;
  /** The machine's timers fire up to so many milliseconds late. */
  readonly timerLagMs: number;
  /** Draws how late. */
  readonly random: () => number;
  /** Promises may need more than a few turns of the microtask queue: with a store that is asked over a network. */
  readonly settlesSlowly: boolean;
}

/**
 * The true time of a simulated world, and the machine's clock in it, which may be set, may stop while the machine sleeps, and
 * fires timers late. Runs what is planned in order, letting promises settle in between.
 */
export class SimulatedTime implements Clock {
  readonly #planned = new EventHeap();
  readonly #timers = new EventHeap();
  readonly #options: SimulatedTimeOptions;
  /** True time since the start, milliseconds. */
  now = 0;
  #wallOffset = 0;
  /** By how much the monotonic clock is behind the true time because it stood still. */
  #stoodStillMs = 0;
  /** The machine is asleep before this time. */
  awakeFrom = 0;
  #events = 0;

  constructor(options: SimulatedTimeOptions) {
    this.#options = options;
  }

  wall(): number {
    return this.#options.startWall + this.now + this.#wallOffset;
  }

  monotonic(): number {
    return 1_000_000 + this.now - this.#stoodStillMs;
  }

  timer(callback: () => void, delayMs: number): () => void {
    const { timerLagMs, random } = this.#options;
    const lagMs = timerLagMs === 0 || delayMs <= 0 ? 0 : random() * timerLagMs;
    const dueAt = onGrid(this.now - this.#stoodStillMs + Math.max(0, delayMs || 0) + lagMs);
    const event = this.#timers.plan(dueAt, callback);
    return () => this.#timers.cancel(event);
  }

  /** The provider's wall clock: nobody sets it. */
  get trueWall(): number {
    return this.#options.startWall + this.now;
  }

  /** Timers of the machine that wait to fire. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  plan(at: number, place: Place, run: () => void): TimedEvent {
    if (place === "world") return this.#planned.plan(onGrid(at), run);
    const whenAwake = (): void => {
      if (this.now >= this.awakeFrom) run();
      else this.#planned.plan(this.awakeFrom, whenAwake);
    };
    return this.#planned.plan(onGrid(at), whenAwake);
  }

  cancel(event: TimedEvent): void {
    this.#planned.cancel(event);
  }

  setWall(byMs: number): void {
    this.#wallOffset += Math.round(byMs);
  }

  /** The machine stands still for a while; its monotonic clock too, or not, as platforms differ. */
  sleep(forMs: number, monotonicStops: boolean): void {
    const until = onGrid(this.now + forMs);
    if (until <= this.awakeFrom) return;
    const alreadyMs = Math.max(0, this.awakeFrom - this.now);
    this.awakeFrom = until;
    this.asleepMs += until - this.now - alreadyMs;
    if (monotonicStops) this.#stoodStillMs += until - this.now - alreadyMs;
  }

  /** How long the machine has slept until now. */
  asleepMs = 0;

  /** Events planned that are nobody's timer. */
  get planned(): number {
    return this.#planned.size;
  }

  /** Runs until it is over, or nothing is planned any more and no timer is armed. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const event = this.#next();
      if (event === undefined) return;
      if (++this.#events > mostEvents) throw new Error(`More than ${mostEvents} events: something never comes to rest`);
      event.run();
      await this.#settle();
    }
  }

  get events(): number {
    return this.#events;
  }

  #next(): TimedEvent | undefined {
    const planned = this.#planned.first();
    const timer = this.#timers.first();
    const timerAt =
      timer === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(timer.at + this.#stoodStillMs, this.awakeFrom, this.now);
    if (planned === undefined && timer === undefined) return undefined;
    if (planned !== undefined && planned.at <= timerAt) {
      this.now = Math.max(this.now, planned.at);
      return this.#planned.take();
    }
    this.now = timerAt;
    return this.#timers.take();
  }

  async #settle(): Promise<void> {
    const turns = this.#options.settlesSlowly ? 40 : 4;
    for (let turn = 0; turn < turns; turn++) await undefined;
  }
}
