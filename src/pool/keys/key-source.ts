import { expectBoolean, expectKnown, expectNumber, expectString, unexpected } from "../../checks.ts";
import { type LimitTemplate, resolveLimits } from "../../limits/limits.ts";
import { type ModelsGiven, modelsAsGiven, resolveServedModels, type ServedModels } from "../../limits/model-names.ts";
import type { Limit } from "../../types.ts";
import type { KeyConfig } from "./key-config.ts";
import { type KeyRoute, type ReadProvider, resolveRoute } from "./key-config.ts";
import { checkedSecret, isPlainSecret } from "./secret-text.ts";

/** What holds for a key, apart from its name and its secret. Keys of which the same holds may share it. */
export interface KeyTraits {
  readonly weight: number;
  readonly priority: number;
  readonly account: string | undefined;
  readonly models: ServedModels | undefined;
  readonly limits: readonly LimitTemplate[] | undefined;
  readonly route: KeyRoute | undefined;
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
  route: undefined,
  note: undefined,
  batch: undefined,
  enabled: true,
});

export const keyFields: { readonly [field in keyof Required<KeyConfig<string>>]: true } = {
  secret: true,
  id: true,
  weight: true,
  priority: true,
  account: true,
  models: true,
  limits: true,
  provider: true,
  baseURL: true,
  credential: true,
  headers: true,
  query: true,
  fetch: true,
  egress: true,
  note: true,
  batch: true,
  enabled: true,
};

/** As other libraries call what is `secret` here. */
const isSecret = "a key's secret is its `secret`";
const otherNames = {
  key: isSecret,
  apiKey: isSecret,
  api_key: isSecret,
  token: isSecret,
  value: isSecret,
};

/** With the id it goes by. */
export function resolvedKey(key: ListedKey, fingerprint: (secret: string) => string): ResolvedKey {
  return typeof key === "string" ? Object.assign({ id: fingerprint(key), secret: key }, plainTraits) : key;
}

/** A key in the making. */
type Draft = { -readonly [field in keyof ResolvedKey]: ResolvedKey[field] };

/**
 * A key object as most are, in one look and without a word for what could be wrong; `undefined`: it is to be looked at closely.
 * Only fields that are there are read: of objects that were spread and then added to, every other one costs a microsecond.
 */
export function usualKey(config: KeyConfig<string>): ResolvedKey | undefined {
  const key: Draft = {
    id: "",
    secret: "",
    weight: 1,
    priority: 0,
    account: undefined,
    models: undefined,
    limits: undefined,
    route: undefined,
    note: undefined,
    batch: undefined,
    enabled: true,
  };
  for (const name in config) if (!takeUsual(key, name, config[name as keyof KeyConfig<string>])) return undefined;
  return key.id === "" || key.secret === "" ? undefined : key;
}

function takeUsual(key: Draft, name: string, value: unknown): boolean {
  switch (name) {
    case "secret":
      key.secret = value as string;
      return typeof value === "string" && isPlainSecret(value);
    case "id":
    case "account":
    case "note":
    case "batch":
      key[name] = value as string;
      return typeof value === "string" && value.trim() !== "";
    case "weight":
      key.weight = value as number;
      return typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY;
    case "priority":
      key.priority = value as number;
      return typeof value === "number" && Number.isFinite(value);
    case "enabled":
      key.enabled = value as boolean;
      return typeof value === "boolean";
    default:
      return false;
  }
}

/**
 * Checks one key object.
 * @param readProvider finds the provider it names @default takes objects
 * @throws InvalidOptionsError naming the field.
 */
export function resolveKey(
  field: string,
  config: KeyConfig<string>,
  fingerprint: (secret: string) => string,
  readProvider?: ReadProvider,
): ResolvedKey {
  expectKnown(field, config, keyFields, otherNames);
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
    models: config.models === undefined ? undefined : resolveServedModels(`${field}.models`, config.models),
    limits:
      config.limits === undefined ? undefined : resolveLimits(`${field}.limits`, config.limits as readonly Limit[]),
    route: resolveRoute(field, config, readProvider),
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

/** What operators set of a key, over what its source says. A setting that is absent is the source's. */
export interface KeySettings {
  readonly enabled?: boolean | undefined;
  /** Why it is off. */
  readonly disabledReason?: string | undefined;
  readonly weight?: number | undefined;
  readonly priority?: number | undefined;
  /** `null`: the key is its own account. */
  readonly account?: string | null | undefined;
  /** `null`: none. */
  readonly note?: string | null | undefined;
  /** `null`: all models. */
  readonly models?: ModelsGiven | null | undefined;
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
  /** Models it may serve, or its provider's name for each; `null`: all. */
  readonly models?: string | ModelsGiven | null | undefined;
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
    models: orNull(models, (given) => modelsAsGiven(resolveServedModels("models", given))),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function orNull(value: unknown, expect: (value: unknown) => unknown): unknown {
  return value === undefined || value === null ? value : expect(value);
}
