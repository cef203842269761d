import type { Clock } from "../../types.ts";

/** How much later than a limit's guard a request may have been counted by its provider. */
export interface Allowance {
  readonly ms: number;
}

/** Clients and servers keep idle connections for about four seconds: what was open in two periods of two is believed open. */
const periodMs = 2000;
/** Opening a connection (name look-up, TCP, TLS) is believed to take at most so long; milliseconds. */
const openingMs = 1500;
/** With fewer requests under way, sending one does not wait for the others. */
const burstSize = 8;
/** No turn of an event loop lasts longer, unless the timer that tells its end was lost; milliseconds. */
const longestTurnMs = 1000;

/** Counted within the guard. */
export const onTime: Allowance = { ms: 0 };
const opening: Allowance = { ms: openingMs };

/** Requests granted in one turn of the event loop: the last is sent only after the work for all of them. */
class Burst implements Allowance {
  readonly #startedAt: number;
  readonly #clock: Clock;
  #turnMs: number | undefined;

  constructor(startedAt: number, clock: Clock) {
    this.#startedAt = startedAt;
    this.#clock = clock;
  }

  get ms(): number {
    return this.#turnMs ?? this.#clock.monotonic() - this.#startedAt;
  }

  isOver(now: number): boolean {
    return now - this.#startedAt > longestTurnMs;
  }

  ended(): void {
    this.#turnMs = this.#clock.monotonic() - this.#startedAt;
  }
}

/**
 * Guesses which requests reach the provider later than others, and so are counted later: those that open a connection,
 * because more are under way at once than were lately, and those of a burst, by the time this process needed to send it.
 */
export class CountingDelay {
  readonly #clock: Clock;
  #periodStart = 0;
  #peak = 0;
  #peakBefore = 0;
  #burst: Burst | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For the request that makes it `inFlight` at this time. */
  allowanceFor(inFlight: number, now: number): Allowance {
    const elapsedMs = now - this.#periodStart;
    if (elapsedMs > periodMs) {
      this.#peakBefore = elapsedMs > 2 * periodMs ? 0 : this.#peak;
      this.#peak = 0;
      this.#periodStart = now;
    }
    const isOpening = inFlight > this.#peak && inFlight > this.#peakBefore;
    if (inFlight > this.#peak) this.#peak = inFlight;
    if (isOpening) return opening;
    return inFlight > burstSize ? this.#currentBurst(now) : onTime;
  }

  #currentBurst(now: number): Burst {
    if (this.#burst?.isOver(now) === false) return this.#burst;
    this.#burst?.ended();
    const burst = new Burst(now, this.#clock);
    this.#burst = burst;
    this.#clock.timer(() => {
      burst.ended();
      if (this.#burst === burst) this.#burst = undefined;
    }, 0);
    return burst;
  }
}
