import { expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "../checks.ts";
import { InvalidOptionsError } from "../errors.ts";
import type { Dimension, Limit, WindowName } from "../types.ts";
import { matchesModel } from "./model-pattern.ts";

/** A declared limit, checked: what a bucket is made of for every key, account or model it counts for. */
export interface LimitTemplate {
  readonly id: string;
  readonly dimension: Dimension;
  readonly limit: number;
  readonly scope: "key" | "account" | "ip";
  /** Models it counts; `undefined`: all requests. */
  readonly models: readonly string[] | undefined;
  readonly perModel: boolean;
  readonly window: LimitWindow;
}

type LimitWindow =
  | { readonly kind: "rolling" | "anchored"; readonly windowMs: number }
  | { readonly kind: "calendar"; readonly unit: WindowName; readonly timeZone: string }
  | { readonly kind: "concurrency" };

/** Tokens kept free for the answer: at most, and where a request does not say how long it may get. */
export const outputReserve = 2000;

/** Dimensions whose amounts differ from request to request. */
export function countsTokens(dimension: string): boolean {
  return dimension === "tokens" || dimension === "inputTokens" || dimension === "outputTokens";
}

/** Does a limit count requests for this model? */
export function countsModel({ models, perModel }: LimitTemplate, model: string | undefined): boolean {
  if (models === undefined) return !perModel || model !== undefined;
  return model !== undefined && models.some((pattern) => matchesModel(pattern, model));
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
  tokens: true,
  inputTokens: true,
  outputTokens: true,
  concurrency: true,
  per: true,
  window: true,
  timeZone: true,
  scope: true,
  models: true,
  perModel: true,
};

const dimensions = ["requests", "tokens", "inputTokens", "outputTokens", "concurrency"] as const;

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
  const dimension = resolveDimension(field, value);
  const limit = expectNumber(`${field}.${dimension}`, value[dimension], { min: 1, integer: true, finite: true });
  const scope =
    value.scope === undefined ? "account" : expectOneOf(`${field}.scope`, value.scope, ["key", "account", "ip"]);
  const models = value.models === undefined ? undefined : resolveModels(`${field}.models`, value.models);
  if (value.perModel !== undefined && typeof value.perModel !== "boolean") {
    throw unexpected(`${field}.perModel`, "true or false", value.perModel);
  }
  const perModel = value.perModel === true;
  const { window, name } = dimension === "concurrency" ? withoutWindow(field, value) : resolveWindow(field, value);
  const scoped = scope === "account" ? "" : `-${scope}`;
  const suffix = `${scoped}${models === undefined ? "" : `-${models.join(",")}`}${perModel ? "-each" : ""}`;
  const id = value.id === undefined ? `${dimension}${name}${suffix}` : expectString(`${field}.id`, value.id);
  return { id, dimension, limit, scope, models, perModel, window };
}

function resolveDimension(field: string, value: Limit): Dimension {
  const given = dimensions.filter((dimension) => value[dimension] !== undefined);
  const [dimension] = given;
  if (dimension !== undefined && given.length === 1) return dimension;
  const came = given.length === 0 ? "none" : given.join(" and ");
  throw new InvalidOptionsError(
    field,
    `Expected \`${field}\` to have exactly one of ${dimensions.join(", ")}, got ${came}; write several limits for several counts`,
  );
}

function resolveModels(field: string, value: unknown): readonly string[] {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) throw unexpected(field, "a model or a list of models", value);
  return list.map((model, place) => expectString(typeof value === "string" ? field : `${field}[${place}]`, model));
}

function withoutWindow(field: string, value: Limit): { window: LimitWindow; name: string } {
  for (const name of ["per", "window", "timeZone"] as const) {
    if (value[name] !== undefined) {
      throw unexpected(`${field}.${name}`, "absent for concurrency, which has no window", value[name]);
    }
  }
  return { window: { kind: "concurrency" }, name: "" };
}

function resolveWindow(field: string, value: Limit): { window: LimitWindow; name: string } {
  const period = resolvePeriod(`${field}.per`, value.per);
  const kind =
    value.window === undefined
      ? "rolling"
      : expectOneOf(`${field}.window`, value.window, ["rolling", "calendar", "anchored"]);
  const name = `-${period.name ?? `${period.windowMs}ms`}-${kind}`;
  if (kind !== "calendar") {
    if (value.timeZone === undefined) return { window: { kind, windowMs: period.windowMs }, name };
    throw unexpected(`${field}.timeZone`, `absent for a ${kind} window, which follows no clock`, value.timeZone);
  }
  if (period.name === undefined) {
    throw unexpected(
      `${field}.per`,
      `one of ${periodNames.map((each) => `"${each}"`).join(", ")} for a calendar window`,
      value.per,
    );
  }
  const timeZone = value.timeZone === undefined ? "UTC" : expectTimeZone(`${field}.timeZone`, value.timeZone);
  return { window: { kind, unit: period.name, timeZone }, name };
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

export function lengthOf({ window }: Pick<LimitTemplate, "window">): number {
  if (window.kind === "concurrency") return 0;
  return window.kind === "calendar" ? periodMs[window.unit] : window.windowMs;
}
