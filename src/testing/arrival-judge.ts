import { InvalidOptionsError } from "../errors.ts";
import type { Clock, Limit, WindowName } from "../types.ts";
import { type CalendarPeriod, calendarPeriod } from "./calendar-period.ts";

/** A limit as the provider enforces it. */
export interface ProviderLimit extends Omit<Limit, "id" | "requests" | "scope"> {
  /** How many requests the window holds; an integer of at least 1. */
  readonly requests: number;
  /** Whose requests are counted together. @default "account" (a key without an account is its own) */
  readonly scope?: "key" | "account" | undefined;
  /** Models the limit covers, together; `*` matches any run of characters. @default all, and requests without a model */
  readonly models?: string | readonly string[] | undefined;
  /** Counts every model by itself. @default false */
  readonly perModel?: boolean | undefined;
}

/** A request that asks to be judged. */
export interface JudgedRequest {
  /** Name of the key: any string that no other key has. */
  readonly key: string;
  /** Name of the account the key belongs to. @default the key is its own account */
  readonly account?: string | undefined;
  readonly model?: string | undefined;
  /** The limits in force for this key now. */
  readonly limits: readonly ProviderLimit[];
}

/** What the judge says. */
export interface Verdict {
  readonly accepted: boolean;
  /** Milliseconds until the same request would be accepted if no other one came; 0 when it was accepted. */
  readonly retryAfterMs: number;
  /** The limit that holds the request back for longest. */
  readonly limit?: ProviderLimit | undefined;
}

/** Settings of an {@link ArrivalJudge}. */
export interface ArrivalJudgeOptions {
  readonly clock: Clock;
  /** Whether a refused request uses up quota too, as some providers do. @default false */
  readonly countRefused?: boolean | undefined;
}

interface CountedArrival {
  readonly at: number;
  readonly wall: number;
  readonly key: string;
  readonly account: string;
  readonly model: string | undefined;
}

const windowMs: Record<WindowName, number> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

/** A calendar period lasts at most so many times the length of its name: a month has 31 days, a day up to 25 hours. */
const calendarStretch = 1.1;

/**
 * Decides whether a provider with strict limits accepts a request: keeps a plain list of arrivals and counts it anew
 * for every request. An arrival at `t` is counted with those in `(t - window, t]`, or with those in the same calendar
 * period. A rolling `"month"` is 30 days. Slow on purpose: it is what faster counting is checked against.
 */
export class ArrivalJudge {
  readonly #clock: Clock;
  readonly #countRefused: boolean;
  readonly #counted = new Map<string, CountedArrival[]>();
  readonly #periods = new Map<string, CalendarPeriod>();
  #longestWindowMs = 0;

  constructor(options: ArrivalJudgeOptions) {
    this.#clock = options.clock;
    this.#countRefused = options.countRefused ?? false;
  }

  /** Judges a request that arrives now, and counts it if it is accepted. Throws `InvalidOptionsError` for a limit that cannot be. */
  judge(request: JudgedRequest): Verdict {
    for (const limit of request.limits) assertProviderLimit(limit, "limit");
    const arrival: CountedArrival = {
      at: this.#clock.monotonic(),
      wall: this.#clock.wall(),
      key: request.key,
      account: request.account === undefined ? `key ${request.key}` : `account ${request.account}`,
      model: request.model,
    };
    const others = this.#recent(arrival, request.limits);
    let verdict: Verdict = { accepted: true, retryAfterMs: 0 };
    for (const limit of request.limits) {
      const retryAfterMs = this.#waitMs(limit, arrival, others);
      if (retryAfterMs > verdict.retryAfterMs) verdict = { accepted: false, retryAfterMs, limit };
    }
    if (verdict.accepted || this.#countRefused) others.push(arrival);
    return verdict;
  }

  /** The account's arrivals without those that are too old for any limit seen so far. */
  #recent(arrival: CountedArrival, limits: readonly ProviderLimit[]): CountedArrival[] {
    for (const limit of limits) {
      this.#longestWindowMs = Math.max(this.#longestWindowMs, lengthMs(limit) * calendarStretch);
    }
    const all = this.#counted.get(arrival.account) ?? [];
    const first = all[0];
    const isTooOld = (other: CountedArrival): boolean => arrival.at - other.at > this.#longestWindowMs;
    const recent = first !== undefined && isTooOld(first) ? all.filter((other) => !isTooOld(other)) : all;
    this.#counted.set(arrival.account, recent);
    return recent;
  }

  #waitMs(limit: ProviderLimit, arrival: CountedArrival, others: readonly CountedArrival[]): number {
    if (!covers(limit, arrival.model)) return 0;
    const sharing = others.filter(
      (other) =>
        (limit.scope !== "key" || other.key === arrival.key) &&
        covers(limit, other.model) &&
        (limit.perModel !== true || other.model === arrival.model),
    );
    return limit.window === "calendar"
      ? this.#calendarWaitMs(limit, arrival, sharing)
      : rollingWaitMs(limit, arrival, sharing);
  }

  #calendarWaitMs(limit: ProviderLimit, arrival: CountedArrival, sharing: readonly CountedArrival[]): number {
    const { start, end } = this.#period(arrival.wall, limit);
    const inside = sharing.filter((other) => other.wall >= start && other.wall < end);
    return inside.length < limit.requests ? 0 : end - arrival.wall;
  }

  #period(wall: number, limit: ProviderLimit): CalendarPeriod {
    const name = (limit.per ?? "minute") as WindowName;
    const timeZone = limit.timeZone ?? "UTC";
    const known = this.#periods.get(`${name} ${timeZone}`);
    if (known !== undefined && wall >= known.start && wall < known.end) return known;
    const period = calendarPeriod(wall, name, timeZone);
    this.#periods.set(`${name} ${timeZone}`, period);
    return period;
  }
}

function rollingWaitMs(limit: ProviderLimit, arrival: CountedArrival, sharing: readonly CountedArrival[]): number {
  const spanMs = lengthMs(limit);
  const inside = sharing.filter((other) => arrival.at - other.at < spanMs);
  // Room comes when all but `requests - 1` of those inside have left; they leave in the order they came.
  const lastToLeave = inside[inside.length - limit.requests];
  return lastToLeave === undefined ? 0 : spanMs - (arrival.at - lastToLeave.at);
}

function lengthMs(limit: ProviderLimit): number {
  const per = limit.per ?? "minute";
  return typeof per === "number" ? per : windowMs[per];
}

function covers(limit: ProviderLimit, model: string | undefined): boolean {
  if (limit.models === undefined) return true;
  if (model === undefined) return false;
  const patterns = typeof limit.models === "string" ? [limit.models] : limit.models;
  return patterns.some((pattern) => matchesPattern(pattern, model));
}

function matchesPattern(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

/** Throws `InvalidOptionsError` naming the field under `path` that makes the limit impossible. */
export function assertProviderLimit(limit: ProviderLimit, path: string): void {
  if (!Number.isInteger(limit.requests) || limit.requests < 1) {
    throw invalid(`${path}.requests`, "an integer >= 1", limit.requests);
  }
  const per = limit.per ?? "minute";
  const isName = typeof per === "string" && Object.hasOwn(windowMs, per);
  const isLength = typeof per === "number" && Number.isFinite(per) && per > 0 && limit.window !== "calendar";
  if (!isName && !isLength) {
    const names = '"second", "minute", "hour", "day", "month"';
    const expected = limit.window === "calendar" ? `one of ${names}` : `a number > 0 or one of ${names}`;
    throw invalid(`${path}.per`, expected, per);
  }
  if (limit.window === "calendar") assertTimeZone(limit.timeZone ?? "UTC", `${path}.timeZone`);
}

const knownTimeZones = new Set<string>();

function assertTimeZone(timeZone: string, path: string): void {
  if (knownTimeZones.has(timeZone)) return;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
    knownTimeZones.add(timeZone);
  } catch {
    throw invalid(path, "an IANA time zone", timeZone);
  }
}

function invalid(path: string, expected: string, got: unknown): InvalidOptionsError {
  return new InvalidOptionsError(path, `Expected \`${path}\` to be ${expected}, got \`${got}\` (${typeof got})`);
}
