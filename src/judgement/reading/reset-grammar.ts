/** The longest stated delay that is believed: 31 days, in milliseconds. Longer ones are taken for it. */
export const maxDelayMs = 31 * 86_400_000;

/** How the number in a reset header is to be read; without one its magnitude decides. */
export type ResetUnit = "ms" | "s" | "epoch";

const decimal = /^\d{1,20}(?:\.\d{1,20})?$/;
const clockTime = "(\\d{2}):(\\d{2}):(\\d{2})";
const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const imfFixdate = new RegExp(`^[a-z]{3}, (\\d{1,2}) ([a-z]{3}) (\\d{4}) ${clockTime} (?:gmt|utc)$`);
const rfc850Date = new RegExp(`^[a-z]{6,9}, (\\d{2})-([a-z]{3})-(\\d{2}) ${clockTime} (?:gmt|utc)$`);
const asctimeDate = new RegExp(`^[a-z]{3} ([a-z]{3}) {1,2}(\\d{1,2}) ${clockTime} (\\d{4})$`);
const scriptDate = new RegExp(
  `^[a-z]{3} ([a-z]{3}) (\\d{2}) (\\d{4}) ${clockTime} gmt([+-]\\d{4})?(?: \\([^()]{0,40}\\))?$`,
);
const rfc3339 = /^(\d{4}-\d{2}-\d{2})[t ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?(z|[+-]\d{2}:\d{2})$/;

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1_000,
  sec: 1_000,
  secs: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  mins: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hrs: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
};

/** Whole milliseconds within 0 and 31 days: more is 31 days. `null` for what is over already, and for NaN. */
export function boundDelay(delayMs: number): number | null {
  return delayMs >= 0 ? Math.min(Math.round(delayMs), maxDelayMs) : null;
}

/** `12`, `12.5`; not `-1`, `1e3`, `0x1f` or an empty text. */
export function parseDecimal(text: string): number | null {
  return text.length <= 41 && decimal.test(text) ? Number(text) : null;
}

/**
 * Reads `6m0s`, `120ms`, `6m 11.52s`, `7 seconds` from `start` on and tells where it stopped.
 * A bare number counts only when `bareUnitMs` says what it means and no word follows it.
 */
export function scanDuration(
  text: string,
  start: number,
  bareUnitMs: number | null,
): { readonly delayMs: number; readonly end: number } | null {
  let position = start;
  let end = -1;
  let delayMs = 0;
  for (let component = 0; component < 8; component += 1) {
    const numberStart = skipSpaces(text, position);
    const numberEnd = skipNumber(text, numberStart);
    if (numberEnd === numberStart) break;
    const amount = Number(text.slice(numberStart, numberEnd));
    const unitStart = skipSpaces(text, numberEnd);
    const unitEnd = skipLetters(text, unitStart);
    if (unitEnd === unitStart && component === 0 && bareUnitMs !== null) {
      // "2026-11-20", "12:00" and "5%" are no amounts of seconds.
      const isWhole = numberEnd >= text.length || " .,;!)]}\"'\n".includes(text[numberEnd] ?? "");
      return isWhole ? { delayMs: amount * bareUnitMs, end: numberEnd } : null;
    }
    const unit = text.slice(unitStart, unitEnd);
    const factor = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined;
    if (factor === undefined) break;
    delayMs += amount * factor;
    position = skipJoint(text, unitEnd);
    end = unitEnd;
  }
  return end === -1 ? null : { delayMs, end };
}

/** "24 days, 14 hours and 3 minutes" is one duration. */
function skipJoint(text: string, start: number): number {
  const position = text[start] === "," ? start + 1 : start;
  return text.startsWith(" and ", position) ? position + 5 : position;
}

/** A whole text that is one duration with units, in milliseconds. */
export function parseDuration(text: string): number | null {
  if (text.length > 64) return null;
  const found = scanDuration(text.toLowerCase(), 0, null);
  return found !== null && found.end === text.length ? found.delayMs : null;
}

/**
 * Epoch milliseconds of an RFC 3339 instant, an HTTP-date in any of its three forms (asctime is GMT) or what
 * `Date#toString` prints. A stamp without a zone is not guessed at. `now` settles two-digit years.
 */
export function parseInstant(text: string, now: number): number | null {
  if (text.length < 19 || text.length > 90) return null;
  const lower = text.toLowerCase();
  const instant = rfc3339.exec(lower);
  if (instant !== null) {
    const zone = instant[4] === "z" ? "Z" : instant[4];
    return finite(Date.parse(`${instant[1]}T${instant[2]}${instant[3] ?? ""}${zone}`));
  }
  let match = imfFixdate.exec(lower);
  if (match !== null) return utc(match[3], match[2], match[1], match[4], match[5], match[6]);
  match = rfc850Date.exec(lower);
  if (match !== null) return utc(fullYear(match[3], now), match[2], match[1], match[4], match[5], match[6]);
  match = asctimeDate.exec(lower);
  if (match !== null) return utc(match[6], match[1], match[2], match[3], match[4], match[5]);
  match = scriptDate.exec(lower);
  if (match === null) return null;
  const local = utc(match[3], match[1], match[2], match[4], match[5], match[6]);
  return local === null ? null : local - offsetMs(match[7]);
}

/**
 * Milliseconds until the instant a reset header names: a Go duration, an instant, or a number, which is epoch
 * milliseconds above 1e12, epoch seconds above 1e9 and otherwise seconds from now, unless `unit` is known.
 */
export function parseReset(text: string, now: number, unit?: ResetUnit): number | null {
  const trimmed = text.trim();
  const amount = parseDecimal(trimmed);
  if (amount !== null) return boundDelay(resetFromNumber(amount, now, unit));
  const durationMs = parseDuration(trimmed);
  if (durationMs !== null) return boundDelay(durationMs);
  const instant = parseInstant(trimmed, now);
  return instant === null ? null : boundDelay(instant - now);
}

/**
 * Milliseconds a `Retry-After` asks for, from `now` as the server sees it. Repeated headers arrive joined by commas:
 * the longest wait counts. Anything outside the grammar or past is no statement.
 */
export function parseRetryAfter(text: string, now: number): number | null {
  // The usual one.
  if (text.length <= 9 && skipNumber(text, 0) === text.length && text !== "") return boundDelay(Number(text) * 1_000);
  const pieces = text.length > 512 ? [] : text.split(",");
  let longest: number | null = null;
  for (let index = 0; index < pieces.length; index += 1) {
    let piece = pieces[index]!.trim();
    // "Fri, 20 Nov ..." has a comma of its own.
    if (isWeekday(piece) && index + 1 < pieces.length) {
      index += 1;
      piece = `${piece}, ${pieces[index]!.trim()}`;
    }
    const delayMs = parseOneRetryAfter(piece, now);
    if (delayMs !== null && (longest === null || delayMs > longest)) longest = delayMs;
  }
  return longest;
}

function parseOneRetryAfter(text: string, now: number): number | null {
  const seconds = parseDecimal(text);
  // Some put the instant there, in seconds since 1970.
  if (seconds !== null) return boundDelay(resetFromNumber(seconds, now, undefined));
  const durationMs = parseDuration(text);
  if (durationMs !== null) return boundDelay(durationMs);
  const instant = parseInstant(text, now);
  return instant === null ? null : boundDelay(instant - now);
}

function resetFromNumber(amount: number, now: number, unit: ResetUnit | undefined): number {
  if (unit === "ms") return amount;
  if (unit === "s") return amount * 1_000;
  if (amount > 1e12) return amount - now;
  if (unit === "epoch" || amount > 1e9) return amount * 1_000 - now;
  return amount * 1_000;
}

function isWeekday(text: string): boolean {
  const lower = text.toLowerCase();
  return lower.length >= 3 && lower.length <= 9 && /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}$/.test(lower);
}

function utc(
  year: string | undefined,
  monthName: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
): number | null {
  const month = monthNames.indexOf(monthName ?? "");
  const [days, hours, minutes, seconds] = [Number(day), Number(hour), Number(minute), Number(second)];
  if (month === -1 || days < 1 || days > 31 || hours > 23 || minutes > 59 || seconds > 60) return null;
  return finite(Date.UTC(Number(year), month, days, hours, minutes, seconds));
}

/** Two digits mean the year within fifty years from now. */
function fullYear(twoDigits: string | undefined, now: number): string {
  const current = new Date(now).getUTCFullYear();
  const year = Math.floor(current / 100) * 100 + Number(twoDigits);
  return String(year > current + 50 ? year - 100 : year);
}

function offsetMs(offset: string | undefined): number {
  if (offset === undefined) return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5));
  return (offset.startsWith("-") ? -minutes : minutes) * 60_000;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function skipSpaces(text: string, start: number): number {
  let position = start;
  while (text.charCodeAt(position) === 32) position += 1;
  return position;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** At most 20 digits and 20 after the point: longer ones are no delays. */
function skipNumber(text: string, start: number): number {
  let position = start;
  while (position - start < 20 && isDigit(text.charCodeAt(position))) position += 1;
  if (position === start || text.charCodeAt(position) !== 46 || !isDigit(text.charCodeAt(position + 1)))
    return position;
  const fractionStart = position + 1;
  position = fractionStart;
  while (position - fractionStart < 20 && isDigit(text.charCodeAt(position))) position += 1;
  return position;
}

function skipLetters(text: string, start: number): number {
  let position = start;
  while (position - start < 16) {
    const code = text.charCodeAt(position);
    const isLetter = (code >= 97 && code <= 122) || code === 0xb5 || code === 0x3bc;
    if (!isLetter) break;
    position += 1;
  }
  return position;
}
