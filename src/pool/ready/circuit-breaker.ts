/*
 * The circuit breaker of whatever may be in trouble: an account, one of its keys or models, or the address that requests leave from.
 * How long a scope cools down the store knows, and it alone; a breaker says what is let through meanwhile, and how much at first when
 * it is over.
 *
 * | it is     | what happens                     | it becomes | what is let through                                              |
 * | --------- | -------------------------------- | ---------- | ---------------------------------------------------------------- |
 * | closed    | a cooldown begins                | open       | nothing                                                          |
 * | open      | another cooldown, or a longer one | open      | nothing; a probe that was due stays due                          |
 * | open      | its cooldown ends                | half-open  | one                                                              |
 * | open      | a long guess, part of it is over | half-open  | one, as a probe: the store lets one through over all processes   |
 * | half-open | all that were let through succeed | half-open | twice as many as last time                                       |
 * | half-open | nothing ends for a second        | half-open  | the same: what is refused is refused at once                     |
 * | half-open | one ends, but proves nothing     | half-open  | another one in its place                                         |
 * | half-open | sixteen succeed                  | closed     | all                                                              |
 * | half-open | it is refused again              | open       | nothing, with one permit afterwards                              |
 * | open      | somebody ends it                 | half-open  | as at its end                                                    |
 *
 * A time that a provider or an operator stated is never probed: only guesses are, and credit that may have been topped up. An account
 * without a permit left comes last; where nobody else is, those who may wait do, and keep their order. Whoever may not, or has waited
 * to his end, is let through.
 */
import type { CooldownSource } from "../../types.ts";
import type { Cooldown } from "./breaker-subjects.ts";

const firstPermits = 1;
/** Where so many in a row succeeded, what came back from a cooldown is back for good. */
const mostPermits = 16;

/** What was not refused within this time was let through; milliseconds. */
const patienceMs = 1000;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/**
 * In how many milliseconds it is probed first; 0: never. Only guesses are, and credit that may have been topped up. While others serve,
 * what was refused so often that its guess is long is asked once an hour: a dead account about thirty times a day. A refused credential is
 * asked more often: whether others are refused as well decides on giving it up.
 * @param isNeeded does nobody else serve?
 * @param isMissed did it serve a moment ago? All are out then, and soon back, mostly.
 */
export function probedInMs(
  { source, reason }: Pick<Cooldown, "source" | "reason">,
  lengthMs: number,
  isNeeded: boolean,
  isMissed: boolean,
): number {
  if ((source !== "heuristic" && source !== "credit") || lengthMs <= minuteMs) return 0;
  if (source === "credit") return within(lengthMs / 4, hourMs / 4);
  if (isNeeded && isMissed) return within(lengthMs / 8, 5 * minuteMs);
  if (!isNeeded && reason !== "invalid_key" && lengthMs > hourMs / 2) return hourMs;
  return within(lengthMs / 4, hourMs / 2);
}

const within = (ms: number, longestMs: number): number => Math.min(Math.max(ms, minuteMs), longestMs);

/**
 * Does a cooldown end only because somebody tries again? Of a refused credential, a spent balance or an account that may not, nobody
 * knows that it is back then; limits end by themselves.
 */
export function endsByProbe(source: CooldownSource, reason: string | undefined): boolean {
  return source === "credit" || reason === "invalid_key" || (reason === "forbidden" && source === "heuristic");
}

export class CircuitBreaker {
  /** Monotonic time of the next probe; 0: none is planned. */
  #probeAt = 0;
  /** How many are let through together; 0: any number. */
  #permits = 0;
  /** How many of these were not used yet; less than nothing where somebody could not be kept waiting. */
  #left = 0;
  #succeeded = 0;
  /** When its last cooldown began: what was under way then proves nothing. Monotonic. */
  #openedAt = Number.NEGATIVE_INFINITY;
  #passedAt = 0;

  /** How many requests are let through together; 0: any number. */
  get permits(): number {
    return this.#permits;
  }

  /** Is there neither a bound nor a probe? Then it is as good as none. */
  get isClosed(): boolean {
    return this.#permits === 0 && this.#probeAt === 0;
  }

  /** When more are let through at the latest, monotonic. */
  get growsAt(): number {
    return this.#passedAt + patienceMs;
  }

  /**
   * @param probeInMs when it is probed, if it was not to be probed sooner; 0: it is not
   * @param permits how many are let through together at its end; 0: as many as were before, or all
   * @returns when something is let through: at the end, or at the next probe; all monotonic
   */
  open(now: number, endsAt: number, probeInMs: number, permits = firstPermits): number {
    if (permits > 0) this.#begin(permits);
    this.#openedAt = now;
    if (probeInMs === 0) return endsAt;
    if (this.#probeAt <= now) this.#probeAt = now + probeInMs;
    // What is let through at the end is no probe.
    if (this.#probeAt >= endsAt) this.#probeAt = 0;
    return this.#probeAt === 0 ? endsAt : this.#probeAt;
  }

  /** Is the next request a probe? */
  isProbeDue(now: number): boolean {
    return this.#probeAt !== 0 && this.#probeAt <= now;
  }

  hasPermit(now: number): boolean {
    return this.#permits === 0 || this.#left > 0 || now >= this.growsAt;
  }

  /** A request is about to be let through, also one that could not be kept waiting. */
  take(now: number): void {
    if (this.#permits === 0) return;
    if (this.#left <= 0 && now >= this.growsAt) this.#grow();
    this.#left--;
    this.#passedAt = now;
  }

  /**
   * A request was let through: if it is the probe, what it finds decides on the next.
   * @returns is no permit left?
   */
  onGranted(now: number): boolean {
    if (this.isProbeDue(now)) this.#probeAt = 0;
    return this.#permits > 0 && this.#left <= 0;
  }

  /** What was let through then has ended, or was not sent at all, and proves nothing. */
  giveBack(startedAt: number): void {
    if (this.#wasLetThrough(startedAt)) this.#left++;
  }

  onSuccess(startedAt: number): void {
    if (!this.#wasLetThrough(startedAt)) return;
    this.#succeeded++;
    if (this.#succeeded >= this.#permits) this.#grow();
  }

  /** The cooldown is over before its time. */
  end(): void {
    this.#probeAt = 0;
    this.#openedAt = Number.NEGATIVE_INFINITY;
  }

  /** Since the last cooldown began, and is it not accounted for yet? */
  #wasLetThrough(startedAt: number): boolean {
    return startedAt >= this.#openedAt && this.#left + this.#succeeded < this.#permits;
  }

  #grow(): void {
    this.#begin(this.#permits >= mostPermits ? 0 : 2 * this.#permits);
  }

  #begin(permits: number): void {
    this.#permits = permits;
    this.#left = permits;
    this.#succeeded = 0;
  }
}
