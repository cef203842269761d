import { InvalidOptionsError } from "../errors.ts";
import type { KeyConfig, KeyList, Limit } from "../types.ts";
import {
  expectBoolean,
  expectKnown,
  expectNumber,
  expectString,
  expectStringRecord,
  expectUrl,
  unexpected,
  unexpectedSecret,
} from "./expectations.ts";
import { type LimitTemplate, resolveLimits } from "./limits.ts";
import { badCharacter } from "./secret-text.ts";

/** A key as the rest of the core knows it: checked, defaults filled in. */
export interface ResolvedKey {
  readonly id: string;
  readonly secret: KeyConfig["secret"];
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

const knownFields: { readonly [field in keyof Required<KeyConfig>]: true } = {
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

const notSet = "; if it comes from an environment variable, that variable is empty or not set";

function checkedSecret(field: string, value: unknown): string {
  if (typeof value !== "string") throw unexpectedSecret(field, "a string", value === null ? "null" : typeof value);
  const secret = value.trim();
  if (secret === "") throw unexpectedSecret(field, "a non-empty string", "a blank one");
  const bad = badCharacter(secret);
  if (bad !== undefined) throw unexpectedSecret(field, "a key without spaces or control characters", bad);
  return secret;
}

/** Turns whatever lists keys into key objects, in order. */
function toConfigs(list: unknown): readonly (readonly [field: string, config: KeyConfig])[] {
  if (typeof list === "string") {
    const parts = list.split(",").map((part) => part.trim());
    const given = parts.filter((part) => part !== "");
    if (given.length === 0) {
      throw unexpectedSecret("keys", "at least one key", `${list === "" ? "an empty" : "a blank"} string${notSet}`);
    }
    return given.map((secret, place) => [`keys[${place}]`, { secret: checkedSecret(`keys[${place}]`, secret) }]);
  }
  if (list === undefined || list === null) {
    throw unexpectedSecret("keys", "a string, a list of keys or a function that returns one", `\`${list}\`${notSet}`);
  }
  if (!Array.isArray(list)) throw unexpected("keys", "a string, a list of keys or a function that returns one", list);
  if (list.length === 0) throw unexpectedSecret("keys", "at least one key", "an empty list");
  return list.map((entry: unknown, place) => {
    const field = `keys[${place}]`;
    if (typeof entry === "string") return [field, { secret: checkedSecret(field, entry) }];
    if (typeof entry !== "object" || entry === null) {
      throw unexpectedSecret(field, "a string or a key object", entry === null ? "null" : typeof entry);
    }
    return [field, entry as KeyConfig];
  });
}

/**
 * Checks one key object.
 * @throws InvalidOptionsError naming the field.
 */
export function resolveKey(field: string, config: KeyConfig, fingerprint: (secret: string) => string): ResolvedKey {
  expectKnown(field, config, knownFields);
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
    headers: config.headers === undefined ? undefined : expectStringRecord(`${field}.headers`, config.headers),
    query: config.query === undefined ? undefined : expectStringRecord(`${field}.query`, config.query),
    note: config.note === undefined ? undefined : expectString(`${field}.note`, config.note),
    batch: config.batch === undefined ? undefined : expectString(`${field}.batch`, config.batch),
    enabled: config.enabled === undefined ? true : expectBoolean(`${field}.enabled`, config.enabled),
  };
}

/**
 * Checks a list of keys. The same secret twice is one key: the first entry's settings stand.
 * @throws InvalidOptionsError naming the entry and the field.
 */
export function resolveKeys(list: KeyList | undefined, fingerprint: (secret: string) => string): ResolvedKey[] {
  const byId = new Map<string, ResolvedKey>();
  const idOfSecret = new Map<string, string>();
  for (const [field, config] of toConfigs(list)) {
    const key = resolveKey(field, config, fingerprint);
    if (typeof key.secret === "string") {
      if (idOfSecret.has(key.secret)) continue;
      idOfSecret.set(key.secret, key.id);
    }
    if (byId.has(key.id)) {
      throw new InvalidOptionsError(
        `${field}.id`,
        `Expected \`${field}.id\` to be unique, got one that an earlier key has`,
      );
    }
    byId.set(key.id, key);
  }
  return [...byId.values()];
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
