import type { HeaderView } from "./headers.ts";
import { boundDelay, parseDecimal, parseInstant, parseRetryAfter } from "./reset-grammar.ts";

const fixdateLength = 29;

/** Answers of one second state the same date. */
let lastDate = { text: "", instant: 0 };

/** The response's own time where it states one: dates in it are compared with that, not with a clock that may be off. */
export function readServerTime(headers: HeaderView, now: number): number {
  const date = headers.get("date");
  if (date === null) return now;
  if (date === lastDate.text) return lastDate.instant;
  const instant = parseInstant(date.trim(), now);
  // Only the form whose year has four digits means the same whenever it is read.
  if (instant !== null && date.length === fixdateLength) lastDate = { text: date, instant };
  return instant ?? now;
}

/** The two headers that exist to state a delay. */
export function readHeaderDelay(headers: HeaderView, serverNow: number): number | null {
  const milliseconds = headers.get("retry-after-ms");
  const exactMs = milliseconds === null ? null : parseDecimal(milliseconds.trim());
  const boundedMs = exactMs === null ? null : boundDelay(exactMs);
  if (boundedMs !== null) return boundedMs;
  const retryAfter = headers.get("retry-after");
  return retryAfter === null ? null : parseRetryAfter(retryAfter, serverNow);
}
