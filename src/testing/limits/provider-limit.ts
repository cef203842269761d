import type { Dimension, LimitPeriod, WindowName } from "../../types.ts";
import { type Check, flag, integer, oneOf, oneOrMore, optional, shaped, text, unexpected } from "../checks.ts";

/**
 * A limit as the provider enforces it. At least one of the amounts is given; several share the window and are counted
 * each by itself.
 */
export interface ProviderLimit {
  /** Name for whoever reads the log. @default none */
  readonly id?: string | undefined;
  /** How many requests the window holds; an integer of at least 1. */
  readonly requests?: number | undefined;
  /** How many tokens, input and output together; an integer of at least 1. */
  readonly tokens?: number | undefined;
  /** How many input tokens; an integer of at least 1. */
  readonly inputTokens?: number | undefined;
  /** How many output tokens; an integer of at least 1. */
  readonly outputTokens?: number | undefined;
  /** How many requests may be under way at once; an integer of at least 1. Has no window. */
  readonly concurrency?: number | undefined;
  /** The window's length: a name, or milliseconds. A rolling or anchored month is 30 days. @default "minute" */
  readonly per?: LimitPeriod | undefined;
  /**
   * `rolling`: any span of that length. `calendar`: the second, minute, hour, day or month of `timeZone`. `anchored`:
   * starts at the first use and ends for all when its length is over; the next use starts another.
   * @default "rolling"
   */
  readonly window?: "rolling" | "calendar" | "anchored" | undefined;
  /** IANA zone whose boundaries a calendar window follows. @default "UTC" */
  readonly timeZone?: string | undefined;
  /** Whose requests are counted together. @default "account" (a key without an account is its own) */
  readonly scope?: "key" | "account" | undefined;
  /** Models the limit covers, together; `*` matches any run of characters. @default all, and requests without a model */
  readonly models?: string | readonly string[] | undefined;
  /** Counts every model by itself. @default false */
  readonly perModel?: boolean | undefined;
}

/** Lengths of the named periods, milliseconds. */
export const periodMs: Readonly<Record<WindowName, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

const windowDimensions = ["requests", "tokens", "inputTokens", "outputTokens"] as const;

/** What a limit can count, in the order in which its amounts are looked at. */
export const dimensions: readonly Dimension[] = [...windowDimensions, "concurrency"];

const amount = optional(integer(1));
const anything: Check = () => undefined;

const checkFields = shaped<ProviderLimit>({
  id: optional(text),
  requests: amount,
  tokens: amount,
  inputTokens: amount,
  outputTokens: amount,
  concurrency: amount,
  per: anything,
  window: optional(oneOf("rolling", "calendar", "anchored")),
  timeZone: optional(text),
  scope: optional(oneOf("key", "account")),
  models: optional(oneOrMore("model patterns", text)),
  perModel: optional(flag),
});

/** Throws `InvalidOptionsError` naming the field under `path` that makes the limit impossible. */
export function assertProviderLimit(limit: ProviderLimit, path: string): void {
  checkFields(path, limit);
  if (dimensions.every((dimension) => limit[dimension] === undefined)) {
    throw unexpected(
      `${path}.requests`,
      `an integer >= 1, or another of ${dimensions.join(", ")} to be given`,
      undefined,
    );
  }
  if (windowDimensions.every((dimension) => limit[dimension] === undefined)) assertNoWindow(limit, path);
  assertPeriod(limit, path);
  if (limit.timeZone === undefined) return;
  if (limit.window !== "calendar") {
    throw unexpected(`${path}.timeZone`, "absent unless the window is a calendar one", limit.timeZone);
  }
  assertTimeZone(limit.timeZone, `${path}.timeZone`);
}

function assertNoWindow(limit: ProviderLimit, path: string): void {
  for (const field of ["per", "window"] as const) {
    const value = limit[field];
    if (value !== undefined) {
      throw unexpected(`${path}.${field}`, "absent for a limit of concurrency alone, which has no window", value);
    }
  }
}

function assertPeriod({ per = "minute", window }: ProviderLimit, path: string): void {
  const isName = typeof per === "string" && Object.hasOwn(periodMs, per);
  const isLength = typeof per === "number" && Number.isFinite(per) && per > 0 && window !== "calendar";
  if (isName || isLength) return;
  const names = Object.keys(periodMs)
    .map((name) => `"${name}"`)
    .join(", ");
  throw unexpected(`${path}.per`, window === "calendar" ? `one of ${names}` : `a number > 0 or one of ${names}`, per);
}

const knownTimeZones = new Set<string>();

function assertTimeZone(timeZone: string, path: string): void {
  if (knownTimeZones.has(timeZone)) return;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
  } catch {
    throw unexpected(path, "an IANA time zone", timeZone);
  }
  knownTimeZones.add(timeZone);
}
