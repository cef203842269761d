import {
  expectBoolean,
  expectHeaders,
  expectKnown,
  expectNumber,
  expectString,
  expectStringRecord,
  expectUrl,
  unexpected,
} from "../../checks.ts";
import { type LimitTemplate, resolveLimits } from "../../limits/limits.ts";
import type { KeyConfig, Limit } from "../../types.ts";
import type { KeySettings } from "./key-store.ts";
import { checkedSecret, isPlainSecret } from "./secret-text.ts";

/** What holds for a key, apart from its name and its secret. Keys of which the same holds may share it. */
export interface KeyTraits {
  readonly weight: number;
  readonly priority: number;
  readonly account: string | undefined;
  readonly models: readonly string[] | undefined;
  readonly limits: readonly LimitTemplate[] | undefined;
  readonly baseURL: URL | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly query: Readonly<Record<string, string>> | undefined;
  readonly note: string | undefined;
  readonly batch: string | undefined;
  readonly enabled: boolean;
}

/** A key as the rest of the core knows it: checked, defaults filled in. */
export interface ResolvedKey extends KeyTraits {
  readonly id: string;
  readonly secret: KeyConfig["secret"];
}

/** A key of a list: most are nothing but a secret, of which 100,000 need no object each. */
export type ListedKey = string | ResolvedKey;

/** What holds for a key that is nothing but a secret. */
export const plainTraits: KeyTraits = Object.freeze({
  weight: 1,
  priority: 0,
  account: undefined,
  models: undefined,
  limits: undefined,
  baseURL: undefined,
  headers: undefined,
  query: undefined,
  note: undefined,
  batch: undefined,
  enabled: true,
});

export const keyFields: { readonly [field in keyof Required<KeyConfig>]: true } = {
  secret: true,
  id: true,
  weight: true,
  priority: true,
  account: true,
  models: true,
  limits: true,
  baseURL: true,
  headers: true,
  query: true,
  note: true,
  batch: true,
  enabled: true,
};

/** With the id it goes by. */
export function resolvedKey(key: ListedKey, fingerprint: (secret: string) => string): ResolvedKey {
  return typeof key === "string" ? Object.assign({ id: fingerprint(key), secret: key }, plainTraits) : key;
}

/** A key object as most are, in one look and without a word for what could be wrong; `undefined`: it is to be looked at closely. */
export function usualKey(config: KeyConfig): ResolvedKey | undefined {
  const { id, secret, weight = 1, priority = 0, account, note, batch, enabled = true } = config;
  for (const name in config) if (keyFields[name as keyof KeyConfig] !== true) return undefined;
  if (typeof secret !== "string" || !isPlainSecret(secret) || typeof id !== "string" || id.trim() === "")
    return undefined;
  if (typeof weight !== "number" || !(weight > 0 && weight < Number.POSITIVE_INFINITY)) return undefined;
  if (typeof priority !== "number" || !Number.isFinite(priority) || typeof enabled !== "boolean") return undefined;
  if (!isNameOrNothing(account) || !isNameOrNothing(note) || !isNameOrNothing(batch)) return undefined;
  if (config.models !== undefined || config.limits !== undefined || config.baseURL !== undefined) return undefined;
  if (config.headers !== undefined || config.query !== undefined) return undefined;
  return {
    id,
    secret,
    weight,
    priority,
    account,
    models: undefined,
    limits: undefined,
    baseURL: undefined,
    headers: undefined,
    query: undefined,
    note,
    batch,
    enabled,
  };
}

function isNameOrNothing(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value.trim() !== "");
}

/**
 * Checks one key object.
 * @throws InvalidOptionsError naming the field.
 */
export function resolveKey(field: string, config: KeyConfig, fingerprint: (secret: string) => string): ResolvedKey {
  expectKnown(field, config, keyFields);
  const dynamic = typeof config.secret === "function";
  const secret = dynamic ? config.secret : checkedSecret(`${field}.secret`, config.secret);
  if (dynamic && config.id === undefined) {
    throw unexpected(`${field}.id`, "given when `secret` is a function: quota follows the id", config.id);
  }
  return {
    id: config.id === undefined ? fingerprint(secret as string) : expectString(`${field}.id`, config.id),
    secret,
    weight: config.weight === undefined ? 1 : expectWeight(`${field}.weight`, config.weight),
    priority: config.priority === undefined ? 0 : expectPriority(`${field}.priority`, config.priority),
    account: config.account === undefined ? undefined : expectString(`${field}.account`, config.account),
    models: config.models === undefined ? undefined : resolveModels(`${field}.models`, config.models),
    limits:
      config.limits === undefined ? undefined : resolveLimits(`${field}.limits`, config.limits as readonly Limit[]),
    baseURL: config.baseURL === undefined ? undefined : expectUrl(`${field}.baseURL`, config.baseURL),
    headers: config.headers === undefined ? undefined : expectHeaders(`${field}.headers`, config.headers),
    query: config.query === undefined ? undefined : expectStringRecord(`${field}.query`, config.query),
    note: config.note === undefined ? undefined : expectString(`${field}.note`, config.note),
    batch: config.batch === undefined ? undefined : expectString(`${field}.batch`, config.batch),
    enabled: config.enabled === undefined ? true : expectBoolean(`${field}.enabled`, config.enabled),
  };
}

function expectWeight(field: string, value: unknown): number {
  const weight = expectNumber(field, value, { above: 0 });
  if (weight === Number.POSITIVE_INFINITY) throw unexpected(field, "a finite number > 0", value);
  return weight;
}

function expectPriority(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw unexpected(field, "a finite number", value);
}

function resolveModels(field: string, value: unknown): readonly string[] {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) throw unexpected(field, "a model name or a list of them", value);
  return list.map((entry, place) => expectString(`${field}[${place}]`, entry));
}

/** What may be changed of a key in use. A setting that is left out stays. */
export interface KeyUpdate {
  readonly enabled?: boolean | undefined;
  /** A finite number > 0. */
  readonly weight?: number | undefined;
  /** A finite number; keys of the lowest are used before the next. */
  readonly priority?: number | undefined;
  /** Moves the key to another quota group; `null`: one of its own. */
  readonly account?: string | null | undefined;
  /** `null` takes it away. */
  readonly note?: string | null | undefined;
  /** Models it may serve; `null`: all. */
  readonly models?: string | readonly string[] | null | undefined;
}

const knownUpdates: { readonly [name in keyof Required<KeyUpdate>]: true } = {
  enabled: true,
  weight: true,
  priority: true,
  account: true,
  note: true,
  models: true,
};

/** @throws InvalidOptionsError naming the setting that cannot be one. */
export function expectUpdate(update: KeyUpdate): KeySettings {
  expectKnown("options", update, knownUpdates);
  const { enabled, weight, priority, account, note, models } = update;
  const settings: Record<keyof KeyUpdate, unknown> = {
    enabled: enabled === undefined ? undefined : expectBoolean("enabled", enabled),
    weight: weight === undefined ? undefined : expectWeight("weight", weight),
    priority: priority === undefined ? undefined : expectPriority("priority", priority),
    account: orNull(account, (text) => expectString("account", text)),
    note: orNull(note, (text) => expectString("note", text)),
    models: orNull(models, (list) => resolveModels("models", list)),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function orNull(value: unknown, expect: (value: unknown) => unknown): unknown {
  return value === undefined || value === null ? value : expect(value);
}
