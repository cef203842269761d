import type { Dimension, WindowName } from "../../types.ts";
import type { ErrorEnvelope } from "./envelope.ts";
import { isObject, readField, readIdentifier, readText } from "./guarded.ts";
import { type HeaderSource, HeaderView } from "./headers.ts";
import { phrasePattern } from "./phrases.ts";
import { exhaustedBucket, type HeaderBucket, namedBucket, readHeaderBuckets } from "./rate-limit-headers.ts";
import {
  boundDelay,
  parseDecimal,
  parseDuration,
  parseInstant,
  parseReset,
  parseRetryAfter,
  type ResetUnit,
  scanDuration,
} from "./reset-grammar.ts";

/** What is already known of the limit when its delay is looked for. */
export interface DelayHints {
  readonly dimension?: Dimension | null | undefined;
  readonly window?: WindowName | null | undefined;
  /** Unit of reset headers. @default by magnitude */
  readonly resetUnit?: ResetUnit | undefined;
  /** The headers' counters, when they were read before. */
  readonly buckets?: readonly HeaderBucket[] | undefined;
}

/** Words a stated wait follows; lower case. */
const waitPattern = phrasePattern([
  "again in",
  "again after",
  "try after",
  "retry in",
  "retry after",
  "retry-after",
  "reset after",
  "reset-after",
  "reset in",
  "resets in",
  "available in",
  "please wait",
  "wait for",
  "regain access on",
]);

/**
 * Milliseconds the provider asks to wait: `retry-after-ms`, then `Retry-After`, then the body, then the reset header of
 * the bucket that ran dry. `0` is a statement; `null` means nothing usable was said. Never above 31 days.
 *
 * @param now wall clock, epoch milliseconds; a `Date` header of the response takes its place for dates
 */
export function readRetryDelay(
  headers: HeaderSource | HeaderView | undefined,
  envelope: Pick<ErrorEnvelope, "message" | "details">,
  now: number,
  hints: DelayHints = {},
): number | null {
  const view = HeaderView.of(headers);
  const serverNow = readServerTime(view, now);
  const headerDelayMs = readHeaderDelay(view, serverNow);
  if (headerDelayMs !== null) return headerDelayMs;
  const bodyDelayMs = readBodyDelay(envelope, serverNow);
  if (bodyDelayMs !== null) return bodyDelayMs;
  const buckets = hints.buckets ?? readHeaderBuckets(view, serverNow, hints.resetUnit);
  const bucket = exhaustedBucket(buckets) ?? namedBucket(buckets, hints.dimension ?? null, hints.window ?? null);
  return bucket?.resetMs ?? null;
}

/** The response's own time where it states one: dates in it are compared with that, not with a clock that may be off. */
export function readServerTime(headers: HeaderView, now: number): number {
  const date = headers.get("date");
  return (date === null ? null : parseInstant(date.trim(), now)) ?? now;
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

function readBodyDelay({ details, message }: Pick<ErrorEnvelope, "message" | "details">, now: number): number | null {
  for (const detail of details) {
    if (readText(detail, "@type")?.endsWith("google.rpc.RetryInfo") !== true) continue;
    const delayMs = parseProtoDuration(readField(detail, "retryDelay"));
    if (delayMs !== null) return delayMs;
  }
  for (const detail of details) {
    if (!isObject(detail)) continue;
    const delayMs =
      parseSeconds(readField(detail, "retry_after"), now) ??
      parseSeconds(readField(detail, "estimated_time"), now) ??
      parseSeconds(readField(readField(detail, "availability"), "retry_after"), now);
    if (delayMs !== null) return delayMs;
  }
  return message === null ? null : findDelayInProse(message, now);
}

/** A delay written into a sentence: "try again in 11m0.528s", "retry after 7 seconds", "reset-after: 30". */
export function findDelayInProse(message: string, now: number): number | null {
  let rest = message.toLowerCase();
  for (let tries = 0; tries < 8; tries += 1) {
    const match = waitPattern.exec(rest);
    if (match === null) return null;
    rest = rest.slice(skipFiller(rest, match.index + match[0].length));
    const delayMs = delayAt(rest, now);
    if (delayMs !== null) return delayMs;
  }
  return null;
}

function delayAt(lower: string, now: number): number | null {
  const instant = instantAt(lower, now);
  if (instant !== null) return boundDelay(instant - now);
  const duration = scanDuration(lower, 0, 1_000);
  return duration === null ? null : boundDelay(duration.delayMs);
}

/** An instant with a zone: RFC 3339, or "2026-09-01 at 00:00 UTC". */
function instantAt(lower: string, now: number): number | null {
  if (lower[4] !== "-" || lower[7] !== "-") return null;
  const words = lower.slice(0, 48).split(" ", 4);
  const stamp = trimPunctuation(words[0] ?? "");
  if (stamp.length > 10) return parseInstant(stamp, now);
  const [time, zone] = words[1] === "at" ? [words[2], words[3]] : [words[1], words[2]];
  if (time === undefined || zone === undefined || !/^(?:utc|gmt|z)\b/.test(zone)) return null;
  return parseInstant(`${stamp}T${time.length === 5 ? `${time}:00` : time}Z`, now);
}

function trimPunctuation(text: string): string {
  let end = text.length;
  while (end > 0 && ".,;)]\"'".includes(text[end - 1] ?? " ")) end -= 1;
  return text.slice(0, end);
}

function skipFiller(text: string, start: number): number {
  let position = start;
  while (position < text.length && " :=\"'`".includes(text[position] ?? "")) position += 1;
  for (const word of ["at least ", "about ", "for "]) if (text.startsWith(word, position)) position += word.length;
  return position;
}

function parseSeconds(value: unknown, now: number): number | null {
  if (typeof value === "number") return boundDelay(value * 1_000);
  return typeof value === "string" && value !== "" ? parseReset(value, now, "s") : null;
}

/** `"12.5s"`, or `{ seconds, nanos }` as some clients print it. */
function parseProtoDuration(value: unknown): number | null {
  if (typeof value === "string") {
    const durationMs = parseDuration(value.trim());
    return durationMs === null ? null : boundDelay(durationMs);
  }
  const seconds = parseDecimal(readIdentifier(value, "seconds") ?? "");
  const nanos = parseDecimal(readIdentifier(value, "nanos") ?? "") ?? 0;
  return seconds === null ? null : boundDelay(seconds * 1_000 + nanos / 1e6);
}
