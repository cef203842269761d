import type { Clock } from "../types.ts";

/** Where a {@link FakeClock} starts. */
export interface FakeClockOptions {
  /** Wall time at the start, epoch milliseconds. @default 2026-01-01T00:00:00Z */
  readonly wall?: number | undefined;
  /** Monotonic time at the start, milliseconds. @default 0 */
  readonly monotonic?: number | undefined;
}

interface FakeTimer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** More callbacks than this in one `advance` means that a timer re-arms itself without delay. */
const maxTimersPerAdvance = 1_000_000;

/** Taken when the module is loaded, so that a test runner's fake timers do not stop the flushing. */
const platformSetImmediate = globalThis.setImmediate as typeof setImmediate | undefined;

function nextMacrotask(): Promise<void> {
  if (platformSetImmediate !== undefined) return new Promise((resolve) => platformSetImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function flush(): Promise<void> {
  await nextMacrotask();
  await nextMacrotask();
}

/**
 * A clock that stands still until it is told to move.
 *
 * @example
 * const clock = new FakeClock({ wall: Date.UTC(2026, 2, 1) });
 * clock.timer(() => order.push("second"), 2_000);
 * await clock.advance(2_000);
 */
export class FakeClock implements Clock {
  readonly #timers = new Set<FakeTimer>();
  #monotonicMs: number;
  #wallMs: number;

  constructor(options: FakeClockOptions = {}) {
    this.#monotonicMs = options.monotonic ?? 0;
    this.#wallMs = options.wall ?? Date.UTC(2026, 0, 1);
  }

  /** Wall time, epoch milliseconds. */
  wall(): number {
    return this.#wallMs;
  }

  /** Milliseconds that never go back. */
  monotonic(): number {
    return this.#monotonicMs;
  }

  /**
   * Calls back once when the clock has been advanced by at least `delayMs` (of any length; below 0 counts as 0).
   * Returns a function that cancels it.
   */
  timer(callback: () => void, delayMs: number): () => void {
    const timer = { dueAt: this.#monotonicMs + Math.max(0, delayMs || 0), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** How many timers wait to fire. 0 after a test proves that nothing was left behind. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Moves both times forward by `ms` and fires the timers due on the way, in order, each at its own time. Promises
   * settle before the first, between and after the timers, so a timer that one of them arms fires too when it is due.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#monotonicMs + checkedDuration(ms);
    await flush();
    for (let fired = 0; ; fired++) {
      const timer = this.#nextDue(until);
      if (timer === undefined) break;
      this.#fire(timer, fired);
      await flush();
    }
    this.#moveTo(until);
    await flush();
  }

  /** Like `advance`, without letting promises settle in between. */
  advanceSync(ms: number): void {
    const until = this.#monotonicMs + checkedDuration(ms);
    for (let fired = 0; ; fired++) {
      const timer = this.#nextDue(until);
      if (timer === undefined) break;
      this.#fire(timer, fired);
    }
    this.#moveTo(until);
  }

  /** Moves only the wall time, forward or back by `ms`, as a time correction or a laptop's sleep does. Fires no timer. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #nextDue(until: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    // A Set keeps the order of arming: of equal times the first one armed wins.
    for (const timer of this.#timers) {
      if (timer.dueAt <= until && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  }

  #fire(timer: FakeTimer, alreadyFired: number): void {
    if (alreadyFired >= maxTimersPerAdvance) {
      throw new Error(
        `More than ${maxTimersPerAdvance} timers fired in one advance: one of them re-arms itself at once.`,
      );
    }
    this.#timers.delete(timer);
    this.#moveTo(timer.dueAt);
    timer.callback();
  }

  #moveTo(monotonicMs: number): void {
    if (monotonicMs <= this.#monotonicMs) return;
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

function checkedDuration(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RangeError(`Expected \`ms\` to be a number >= 0, got \`${ms}\``);
}
