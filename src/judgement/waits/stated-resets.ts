import { Calendar } from "../../limits/calendar.ts";
import type { HeaderCounter, Provider, ResetPlace, ResetRule, ResetUnit } from "../provider.ts";
import type { Facts } from "../reading/facts.ts";
import { readPath } from "../reading/guarded.ts";
import type { HeaderView } from "../reading/headers.ts";
import { boundDelay, parseDecimal, parseDuration, parseInstant } from "../reading/reset-grammar.ts";
import type { HeaderBucket } from "./rate-limit-headers.ts";

/** A counter as a provider's grammar declares it: nothing is guessed. */
export interface DeclaredBucket extends HeaderBucket {
  readonly counter: HeaderCounter;
  readonly limit: number | null;
}

/** The counters of an answer, by the provider's own grammar. */
export function readDeclaredBuckets(
  headers: Pick<HeaderView, "get">,
  counters: readonly HeaderCounter[],
  now: number,
): readonly DeclaredBucket[] {
  const buckets: DeclaredBucket[] = [];
  for (const counter of counters) {
    const { dimension, window, entry, unlimited } = counter;
    const remaining = numberIn(headers, counter.remaining, entry);
    const resetMs = resetIn(headers, counter, now);
    if (remaining === null && resetMs === null) continue;
    const limit = numberIn(headers, counter.limit, entry);
    if (limit !== null && limit === unlimited) continue;
    buckets.push({ counter, dimension, window, remaining, resetMs, limit });
  }
  return buckets;
}

/** What a header says of one counter; `null`: nothing. */
export function textOfCounter(
  headers: Pick<HeaderView, "get">,
  name: string | undefined,
  entry: number | undefined,
): string | null {
  const text = name === undefined ? null : headers.get(name);
  return text === null || entry === undefined ? text : (text.split(",")[entry] ?? null);
}

function numberIn(
  headers: Pick<HeaderView, "get">,
  name: string | undefined,
  entry: number | undefined,
): number | null {
  const text = textOfCounter(headers, name, entry);
  if (text === null) return null;
  const trimmed = text.trim();
  return trimmed.startsWith("-") ? 0 : parseDecimal(trimmed);
}

function resetIn(headers: Pick<HeaderView, "get">, { reset, unit, entry }: HeaderCounter, now: number): number | null {
  const text = textOfCounter(headers, reset, entry);
  return text === null || unit === undefined ? null : parseDeclaredReset(text.trim(), unit, now);
}

function parseDeclaredReset(text: string, unit: ResetUnit, now: number): number | null {
  const delayMs = declaredDelay(text, unit, now);
  return delayMs === null ? null : boundDelay(delayMs);
}

function declaredDelay(text: string, unit: ResetUnit, now: number): number | null {
  if (unit === "duration") return parseDuration(text);
  if (unit === "instant") {
    const instant = parseInstant(text, now);
    return instant === null ? null : instant - now;
  }
  const amount = parseDecimal(text);
  if (amount === null) return null;
  switch (unit) {
    case "epoch-seconds":
      return amount * 1000 - now;
    case "epoch-ms":
      return amount - now;
    case "seconds":
      return amount * 1000;
    case "ms":
      return amount;
  }
}

interface KnownCalendar {
  readonly calendar: Calendar;
  /** The window that was asked for last: finding one takes the platform's calendar, which is slow. */
  start: number;
  end: number;
}

const calendars = new Map<string, KnownCalendar>();

/** Milliseconds until a limit ends by the first rule that can tell. */
export function ruledResetMs(
  rules: ResetRule | readonly ResetRule[],
  facts: Facts,
  { dayZone = "UTC" }: Pick<Provider, "dayZone">,
): number | null {
  for (const rule of isList(rules) ? rules : [rules]) {
    if (typeof rule === "number") return rule;
    const delayMs =
      typeof rule === "string" ? calendarResetMs(rule, dayZone, facts.serverNow) : placedReset(rule, facts);
    if (delayMs !== null) return delayMs;
  }
  return null;
}

function isList(rules: ResetRule | readonly ResetRule[]): rules is readonly ResetRule[] {
  return Array.isArray(rules);
}

export function calendarResetMs(period: "day" | "minute" | "month", dayZone: string, now: number): number | null {
  // A clock that tells no time: the end of its day is not known either.
  if (Number.isNaN(new Date(now).getTime())) return null;
  const name = `${period} ${dayZone}`;
  let known = calendars.get(name);
  if (known === undefined) {
    known = { calendar: new Calendar(period, dayZone), start: 0, end: 0 };
    calendars.set(name, known);
  }
  if (now < known.start || now >= known.end) [known.start, known.end] = known.calendar.edgesAt(now);
  return boundDelay(known.end - now);
}

function placedReset(
  { header, field, unit }: ResetPlace,
  { headers, envelope, body, serverNow }: Facts,
): number | null {
  const value =
    (header === undefined ? null : headers.get(header)) ??
    (field === undefined ? null : readPath([...envelope.details, body], field));
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" ? parseDeclaredReset(text.trim(), unit, serverNow) : null;
}
