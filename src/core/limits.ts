import { InvalidOptionsError } from "../errors.ts";
import type { Dimension, Limit, WindowName } from "../types.ts";
import { expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "./expectations.ts";

/** A declared limit, checked: what a bucket is made of for every key or account it counts for. */
export interface LimitTemplate {
  readonly id: string;
  readonly dimension: Dimension;
  readonly limit: number;
  readonly scope: "key" | "account";
  readonly window:
    | { readonly kind: "rolling"; readonly windowMs: number }
    | { readonly kind: "calendar"; readonly unit: WindowName; readonly timeZone: string };
}

/** Lengths of the named periods, milliseconds. A rolling month is 30 days. */
export const periodMs: Readonly<Record<WindowName, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

const periodNames = Object.keys(periodMs) as WindowName[];

const knownFields: { readonly [field in keyof Required<Limit>]: true } = {
  id: true,
  requests: true,
  per: true,
  window: true,
  timeZone: true,
  scope: true,
};

/**
 * How much a provider's counting may lag behind ours unless the user says otherwise: 2 % of the window, at least 25 ms
 * and at most a second.
 */
export function defaultGuardMs(windowMs: number): number {
  return Math.max(25, Math.min(windowMs * 0.02, 1000));
}

function resolvePeriod(field: string, value: unknown): { name: WindowName | undefined; windowMs: number } {
  if (value === undefined) return { name: "minute", windowMs: periodMs.minute };
  if (typeof value === "number") {
    return { name: undefined, windowMs: expectNumber(field, value, { min: 1 }) };
  }
  if (typeof value === "string" && (periodNames as string[]).includes(value)) {
    return { name: value as WindowName, windowMs: periodMs[value as WindowName] };
  }
  throw unexpected(field, `one of ${periodNames.map((name) => `"${name}"`).join(", ")} or milliseconds`, value);
}

/** @throws InvalidOptionsError unless the platform knows the zone. */
export function expectTimeZone(field: string, value: unknown): string {
  const timeZone = expectString(field, value);
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
    return timeZone;
  } catch (cause) {
    throw new InvalidOptionsError(field, unexpected(field, "an IANA time zone", value).message, { cause });
  }
}

function resolveLimit(field: string, value: Limit): LimitTemplate {
  expectKnown(field, value, knownFields);
  const limit = expectNumber(`${field}.requests`, value.requests, { min: 1, integer: true });
  const period = resolvePeriod(`${field}.per`, value.per);
  const kind =
    value.window === undefined ? "rolling" : expectOneOf(`${field}.window`, value.window, ["rolling", "calendar"]);
  const scope = value.scope === undefined ? "account" : expectOneOf(`${field}.scope`, value.scope, ["key", "account"]);
  if (kind === "rolling" && value.timeZone !== undefined) {
    throw unexpected(`${field}.timeZone`, "absent for a rolling window, which has no boundaries", value.timeZone);
  }
  if (kind === "calendar" && period.name === undefined) {
    throw unexpected(
      `${field}.per`,
      `one of ${periodNames.map((name) => `"${name}"`).join(", ")} for a calendar window`,
      value.per,
    );
  }
  const window =
    kind === "calendar"
      ? {
          kind,
          unit: period.name as WindowName,
          timeZone: value.timeZone === undefined ? "UTC" : expectTimeZone(`${field}.timeZone`, value.timeZone),
        }
      : { kind, windowMs: period.windowMs };
  const id =
    value.id === undefined
      ? `requests-${period.name ?? `${period.windowMs}ms`}-${kind}`
      : expectString(`${field}.id`, value.id);
  return { id, dimension: "requests", limit, scope, window };
}

/**
 * Checks a list of limits.
 * @throws InvalidOptionsError naming the entry and the field.
 */
export function resolveLimits(field: string, limits: readonly Limit[]): readonly LimitTemplate[] {
  if (!Array.isArray(limits)) throw unexpected(field, "a list of limits", limits);
  const resolved = limits.map((limit: Limit, place) => resolveLimit(`${field}[${place}]`, limit));
  const ids = new Set<string>();
  for (const [place, { id }] of resolved.entries()) {
    if (ids.has(id)) {
      throw new InvalidOptionsError(
        `${field}[${place}].id`,
        `Expected \`${field}[${place}].id\` to be unique, got \`${id}\` a second time`,
      );
    }
    ids.add(id);
  }
  return resolved;
}

/** The limits of one key: its own replace the pool's of the same id. */
export function limitsOfKey(
  pool: readonly LimitTemplate[],
  own: readonly LimitTemplate[] | undefined,
): readonly LimitTemplate[] {
  if (own === undefined) return pool;
  const replaced = new Set(own.map(({ id }) => id));
  return [...pool.filter(({ id }) => !replaced.has(id)), ...own];
}
