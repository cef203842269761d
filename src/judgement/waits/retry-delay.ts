import { ZoneClock } from "../../limits/zone-clock.ts";
import type { Dimension, WindowName } from "../../types.ts";
import type { StatedTime } from "../reading/claims.ts";
import type { ErrorEnvelope } from "../reading/envelope.ts";
import type { Facts } from "../reading/facts.ts";
import { readField, readIdentifier, readText } from "../reading/guarded.ts";
import { type HeaderSource, HeaderView, readHeaderDelay, readServerTime } from "../reading/headers.ts";
import { Phrases } from "../reading/phrases.ts";
import {
  boundDelay,
  parseDecimal,
  parseDuration,
  parseInstant,
  parseReset,
  type ResetUnit,
  scanDuration,
} from "../reading/reset-grammar.ts";
import { exhaustedBucket, type HeaderBucket, namedBucket, readHeaderBuckets } from "./rate-limit-headers.ts";

/** What is already known of the limit when its delay is looked for. */
export interface DelayHints {
  readonly dimension?: Dimension | null | undefined;
  readonly window?: WindowName | null | undefined;
  /** Unit of reset headers. @default by magnitude */
  readonly resetUnit?: ResetUnit | undefined;
  /** The headers' counters, when they were read before. */
  readonly buckets?: readonly HeaderBucket[] | undefined;
  /** Fields of the body whose names say that they are a wait or an instant. */
  readonly times?: readonly StatedTime[] | undefined;
  /** Zone of times in prose that name none. @default such times are not read */
  readonly timeZone?: string | undefined;
}

/** Words an instant follows, and never a bare number; lower case. */
const instantWords = ["again at", "reset at", "resets at", "将在", "将于"];

/** Words a stated wait follows; lower case. */
const waitWords = new Phrases([
  ...instantWords,
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
  "wait",
  "replenished in",
  "refreshed in",
  "renewed in",
  "available after",
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
  const bodyDelayMs = readBodyDelay(envelope, serverNow, hints);
  if (bodyDelayMs !== null) return bodyDelayMs;
  const buckets = hints.buckets ?? readHeaderBuckets(view, serverNow, hints.resetUnit);
  const bucket = exhaustedBucket(buckets) ?? namedBucket(buckets, hints.dimension ?? null, hints.window ?? null);
  return bucket?.resetMs ?? null;
}

function readBodyDelay(
  { details, message }: Pick<ErrorEnvelope, "message" | "details">,
  now: number,
  { times = [], timeZone }: DelayHints,
): number | null {
  for (const detail of details) {
    if (readText(detail, "@type")?.endsWith("google.rpc.RetryInfo") !== true) continue;
    const delayMs = parseProtoDuration(readField(detail, "retryDelay"));
    if (delayMs !== null) return delayMs;
  }
  for (const time of times) {
    const delayMs = delayOfTime(time, now);
    if (delayMs !== null) return delayMs;
  }
  return message === null ? null : findDelayInProse(message, now, timeZone);
}

/** What headers, fields or words state, counters aside. */
export function statedDelayOf({ headers, envelope, message, said, serverNow }: Facts): number | null {
  const stated = readHeaderDelay(headers, serverNow);
  return stated ?? readBodyDelay({ details: envelope.details, message }, serverNow, { times: said.times });
}

/** By the name's own unit; an instant by its size; else seconds. */
function delayOfTime({ name, value }: StatedTime, now: number): number | null {
  const text = String(value).trim();
  if (
    /(?:at|until|date|time|timestamp|nextreset)$/.test(name) &&
    !name.endsWith("estimatedtime") &&
    !name.endsWith("waittime")
  )
    return parseReset(text, now);
  const amount = parseDecimal(text);
  if (amount === null) return text === "" ? null : parseReset(text, now, "s");
  const unitMs = /(?:ms|milliseconds)$/.test(name) ? 1 : name.endsWith("minutes") ? 60_000 : 1_000;
  return boundDelay(amount * unitMs);
}

/**
 * A delay written into a sentence: "try again in 11m0.528s", "retry after 7 seconds", "reset-after: 30".
 *
 * @param timeZone of times that name none; without it they are not read
 */
export function findDelayInProse(message: string, now: number, timeZone?: string): number | null {
  let rest = message.toLowerCase();
  for (let tries = 0; tries < 8; tries += 1) {
    const word = waitWords.firstIn(rest);
    if (word === null) return null;
    rest = rest.slice(skipFiller(rest, rest.indexOf(word) + word.length));
    const instant = instantAt(rest, now, timeZone);
    const delayMs = instant === null ? durationAt(rest, word) : boundDelay(instant - now);
    if (delayMs !== null) return delayMs;
  }
  return null;
}

function durationAt(lower: string, word: string): number | null {
  if (instantWords.includes(word)) return null;
  const clock = clockDuration.exec(lower);
  if (clock !== null) return boundDelay(((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3])) * 1_000);
  const duration = scanDuration(lower, 0, 1_000);
  return duration === null ? null : boundDelay(duration.delayMs);
}

/** 00:30:02 */
const clockDuration = /^(\d{1,3}):(\d{2}):(\d{2})(?![\d:])/;
const clockTime = /^(\d{2}:\d{2})(:\d{2})?(?:\.\d{1,9})?/;
const zoneOffset = /^([+-]\d{2}):?(\d{2})\b/;
/** Zones that are not understood, so that their times are not taken for local ones. */
const otherZone = /^(?:[cemp][sd]t|[cemp]t|cest|cet|eest|eet|bst|ist|jst|kst|msk|a[ce][sd]t)\b/;

/** An instant with a zone: RFC 3339, "2026-09-01 at 00:00 UTC" or "2026-09-01 00:00:00 +0800"; without one that of `timeZone`. */
function instantAt(lower: string, now: number, timeZone: string | undefined): number | null {
  if (lower[4] !== "-" || lower[7] !== "-") return null;
  const words = lower.slice(0, 48).split(" ", 4);
  const stamp = trimPunctuation(words[0] ?? "");
  const instant = stamp.length > 10 ? parseInstant(stamp, now) : null;
  if (instant !== null) return instant;
  const date = stamp.slice(0, 10);
  // "2026-09-01T00:00:00" is one word.
  const rest = stamp[10] === "t" ? [stamp.slice(11), words[1]] : words.slice(words[1] === "at" ? 2 : 1);
  const clock = clockTime.exec(rest[0] ?? "");
  if (clock === null) return null;
  const time = `${date}T${clock[1]}${clock[2] ?? ":00"}`;
  const zone = rest[0]?.slice(clock[0].length) || (rest[1] ?? "");
  if (/^(?:utc|gmt|z)\b/.test(zone)) return parseInstant(`${time}Z`, now);
  const offset = zoneOffset.exec(zone);
  if (offset !== null) return parseInstant(`${time}${offset[1]}:${offset[2]}`, now);
  if (timeZone === undefined || otherZone.test(zone)) return null;
  const local = parseInstant(`${time}Z`, now);
  return local === null ? null : ZoneClock.of(timeZone).instantOf(local);
}

function trimPunctuation(text: string): string {
  let end = text.length;
  while (end > 0 && ".,;)]\"'".includes(text[end - 1] ?? " ")) end -= 1;
  return text.slice(0, end);
}

function skipFiller(text: string, start: number): number {
  let position = start;
  while (position < text.length && " :=~\"'`".includes(text[position] ?? "")) position += 1;
  for (const word of ["at least ", "about ", "another ", "for "])
    if (text.startsWith(word, position)) position += word.length;
  return position;
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
