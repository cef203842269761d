import { cutText, isList, readField, readList } from "./guarded.ts";
import { boundDelay, parseDecimal, parseInstant, parseRetryAfter } from "./reset-grammar.ts";

/** Response headers in any of the shapes they come in. Names of a plain record may be in any case. */
export type HeaderSource =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null };

const maxHeaders = 256;
const maxValueLength = 4_096;

/** The buckets asked for where a source can only be asked by name. */
const bucketNames = [
  "",
  "-requests",
  "-tokens",
  "-input-tokens",
  "-output-tokens",
  "-second",
  "-minute",
  "-hour",
  "-day",
  "-month",
  "-requests-minute",
  "-requests-hour",
  "-requests-day",
  "-tokens-minute",
  "-tokens-hour",
  "-tokens-day",
  "-req-minute",
  "-tokens-month",
];

const probedNames: readonly string[] = [
  ...["x-ratelimit-", "x-rate-limit-", "ratelimit-"].flatMap((family) =>
    ["remaining", "reset"].flatMap((field) => bucketNames.map((bucket) => `${family}${field}${bucket}`)),
  ),
  "x-ratelimit-reset-after",
  "ratelimit-limit",
  ...["requests", "tokens", "input-tokens", "output-tokens"].flatMap((bucket) =>
    ["remaining", "reset"].map((field) => `anthropic-ratelimit-${bucket}-${field}`),
  ),
];

/** One way to read headers: case-insensitive, repeated ones joined by `", "`, no source can make it throw. */
export class HeaderView {
  readonly #source: unknown;
  /** Can it be asked by name? */
  readonly #hasGet: boolean;
  #all: Map<string, string> | null = null;

  private constructor(source: unknown) {
    this.#source = source;
    this.#hasGet = typeof readField(source, "get") === "function";
  }

  static of(source: HeaderSource | HeaderView | undefined): HeaderView {
    // Unlike `instanceof`, asking for a private field runs no code of a hostile source.
    return typeof source === "object" && source !== null && #source in source ? source : new HeaderView(source);
  }

  /** @param name in lower case */
  get(name: string): string | null {
    if (!this.#hasGet) return this.entries().get(name) ?? null;
    try {
      return asValue((this.#source as { get(name: string): unknown }).get(name));
    } catch {
      return null;
    }
  }

  /** Name and value of every header of the known rate-limit families. */
  rateLimits(): readonly (readonly [name: string, value: string])[] {
    const found: (readonly [string, string])[] = [];
    if (this.#hasGet && typeof readField(this.#source, "forEach") !== "function") {
      for (const name of probedNames) {
        const value = this.get(name);
        if (value !== null) found.push([name, value]);
      }
      return found;
    }
    for (const entry of this.entries()) if (isRateLimitName(entry[0])) found.push(entry);
    return found;
  }

  /** All there are, by name in lower case; of a source that can only be asked by name, none. */
  entries(): ReadonlyMap<string, string> {
    if (this.#all === null) {
      this.#all = new Map();
      try {
        this.#collect(this.#all);
      } catch {
        // What was read before the source failed still counts.
      }
    }
    return this.#all;
  }

  #collect(into: Map<string, string>): void {
    const add = (name: unknown, raw: unknown): void => {
      const value = asValue(raw);
      if (typeof name !== "string" || value === null || into.size >= maxHeaders) return;
      const lower = name.toLowerCase();
      const earlier = into.get(lower);
      into.set(lower, earlier === undefined ? value : `${earlier}, ${value}`);
    };
    const source = this.#source;
    if (typeof source !== "object" || source === null) return;
    const forEach = this.#hasGet ? readField(source, "forEach") : null;
    if (typeof forEach === "function") {
      forEach.call(source, (value: unknown, name: unknown) => add(name, value));
      return;
    }
    for (const name of Object.keys(source).slice(0, maxHeaders)) add(name, readField(source, name));
  }
}

function isRateLimitName(name: string): boolean {
  return (
    name.startsWith("x-ratelimit-") ||
    name.startsWith("x-rate-limit-") ||
    name.startsWith("ratelimit-") ||
    name.startsWith("anthropic-ratelimit-")
  );
}

function asValue(raw: unknown): string | null {
  if (typeof raw === "string") return cutText(raw, maxValueLength);
  if (typeof raw === "number") return String(raw);
  if (!isList(raw)) return null;
  const parts = readList(raw).filter((part) => typeof part === "string");
  return parts.length === 0 ? null : cutText(parts.join(", "), maxValueLength);
}

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
