import {
  expectBoolean,
  expectHeaders,
  expectKnown,
  expectNumber,
  expectString,
  expectStringRecord,
  expectUrl,
  unexpected,
  unexpectedSecret,
} from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import { type LimitTemplate, resolveLimits } from "../../limits/limits.ts";
import type { KeyConfig, KeyList, Limit } from "../../types.ts";
import { isFingerprint } from "./fingerprint.ts";
import type { KeySettings } from "./key-store.ts";
import { checkedElement, checkedPart, checkedSecret, isPlainSecret, refuseBraces, unquoted } from "./secret-text.ts";

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

/** What a list holds, in order. Each entry is looked at when it is wanted: what is wrong with one need not concern the others. */
export class KeyEntries {
  readonly #entries: readonly unknown[];
  readonly #check: (field: string, entry: unknown) => string;

  /** @param check of an entry that is a string: what is wrong with it depends on where it stood */
  constructor(entries: readonly unknown[], check: (field: string, entry: unknown) => string = checkedElement) {
    this.#entries = entries;
    this.#check = check;
  }

  get count(): number {
    return this.#entries.length;
  }

  field(place: number): string {
    return `keys[${place}]`;
  }

  /** @throws InvalidOptionsError naming the entry and the field, for what cannot be a key. */
  resolve(place: number, fingerprint: (secret: string) => string): ResolvedKey {
    return resolvedKey(this.read(place, fingerprint), fingerprint);
  }

  /** The same, which leaves a key that is nothing but a secret as it is. */
  read(place: number, fingerprint: (secret: string) => string): ListedKey {
    const entry = this.#entries[place];
    if (typeof entry === "string") {
      return isPlainSecret(entry) ? entry : this.#check(this.field(place), entry);
    }
    const field = this.field(place);
    if (this.#check !== checkedElement) return this.#check(field, entry);
    if (typeof entry === "object" && entry !== null) return resolveKey(field, entry as KeyConfig, fingerprint);
    throw unexpectedSecret(field, "a string or a key object", entry === null ? "null" : typeof entry);
  }
}

/** With the id it goes by. */
export function resolvedKey(key: ListedKey, fingerprint: (secret: string) => string): ResolvedKey {
  return typeof key === "string" ? Object.assign({ id: fingerprint(key), secret: key }, plainTraits) : key;
}

/** The entries of a JSON array. What the parser says is not passed on: it repeats the text. */
function entriesInJson(text: string): KeyEntries {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed)) {
    throw unexpectedSecret("keys", "a JSON array of strings, as it begins with `[`", "a string that is no JSON");
  }
  if (parsed.length === 0) throw unexpectedSecret("keys", "at least one key", "an empty JSON array");
  return new KeyEntries(parsed, checkedJsonElement);
}

/** In JSON text there are strings only. */
function checkedJsonElement(field: string, entry: unknown): string {
  return checkedElement(field, entry);
}

/** `a,b`, one key a line, both mixed, or a JSON array of strings; quotes around the whole or around a key are dropped. */
function entriesInText(text: string): KeyEntries {
  const list = unquoted(text.trim());
  if (list.startsWith("[")) return entriesInJson(list);
  refuseBraces("keys", list);
  const parts = list.split(/[,\r\n]/).map((part) => unquoted(part.trim()));
  const given = parts.filter((part) => part !== "");
  if (given.length === 0) {
    throw unexpectedSecret("keys", "at least one key", `${text === "" ? "an empty" : "a blank"} string${notSet}`);
  }
  return new KeyEntries(given, checkedPart);
}

/**
 * Turns whatever lists keys into its entries, in order.
 * @throws InvalidOptionsError for what is no list of keys, or an empty one.
 */
export function toEntries(list: unknown): KeyEntries {
  if (typeof list === "string") return entriesInText(list);
  if (list === undefined || list === null) {
    throw unexpectedSecret("keys", "a string, a list of keys or a function that returns one", `\`${list}\`${notSet}`);
  }
  if (!Array.isArray(list)) throw unexpected("keys", "a string, a list of keys or a function that returns one", list);
  if (list.length === 0) throw unexpectedSecret("keys", "at least one key", "an empty list");
  return new KeyEntries(list);
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
    headers: config.headers === undefined ? undefined : expectHeaders(`${field}.headers`, config.headers),
    query: config.query === undefined ? undefined : expectStringRecord(`${field}.query`, config.query),
    note: config.note === undefined ? undefined : expectString(`${field}.note`, config.note),
    batch: config.batch === undefined ? undefined : expectString(`${field}.batch`, config.batch),
    enabled: config.enabled === undefined ? true : expectBoolean(`${field}.enabled`, config.enabled),
  };
}

/**
 * Checks a list of keys. The same secret twice is one key, if it comes with the same settings.
 * @throws InvalidOptionsError naming the entry and the field.
 */
export function resolveKeys(list: KeyList | undefined, fingerprint: (secret: string) => string): ResolvedKey[] {
  return readKeys(list, fingerprint).map((key) => resolvedKey(key, fingerprint));
}

/**
 * The same, which leaves keys that are nothing but a secret as they are.
 * @throws what `resolveKeys` throws
 */
export function readKeys(list: KeyList | undefined, fingerprint: (secret: string) => string): ListedKey[] {
  const entries = toEntries(list);
  const keys: ListedKey[] = [];
  const bySecret = new Map<ResolvedKey["secret"], ListedKey>();
  const ids = new Ids(keys, fingerprint);
  for (let place = 0; place < entries.count; place++) {
    const key = entries.read(place, fingerprint);
    const secret = typeof key === "string" ? key : key.secret;
    if (typeof secret === "string") {
      const twin = bySecret.get(secret);
      if (twin !== undefined) {
        if (twin !== key) expectSameSettings(entries, place, key, twin, fingerprint);
        continue;
      }
      bySecret.set(secret, key);
    }
    if (!ids.isNew(key)) {
      const field = `${entries.field(place)}.id`;
      throw new InvalidOptionsError(field, `Expected \`${field}\` to be unique, got one that an earlier key has`);
    }
    keys.push(key);
  }
  return keys;
}

/** Ids of a list. Those of keys without one are hashes, worked out only where somebody gave an id that looks like one. */
class Ids {
  readonly #keys: readonly ListedKey[];
  readonly #fingerprint: (secret: string) => string;
  readonly #given = new Set<string>();
  #isHashed = false;

  constructor(keys: readonly ListedKey[], fingerprint: (secret: string) => string) {
    this.#keys = keys;
    this.#fingerprint = fingerprint;
  }

  isNew(key: ListedKey): boolean {
    if (typeof key === "string") return !this.#isHashed || this.#add(this.#fingerprint(key));
    if (!this.#isHashed && isFingerprint(key.id)) {
      this.#isHashed = true;
      for (const earlier of this.#keys) if (typeof earlier === "string") this.#given.add(this.#fingerprint(earlier));
    }
    return this.#add(key.id);
  }

  #add(id: string): boolean {
    const before = this.#given.size;
    return this.#given.add(id).size > before;
  }
}

/** A key can be used in one way only: which of two was meant is not for us to say. */
function expectSameSettings(
  entries: KeyEntries,
  place: number,
  listed: ListedKey,
  earlier: ListedKey,
  fingerprint: (secret: string) => string,
): void {
  const key = resolvedKey(listed, fingerprint);
  const twin = resolvedKey(earlier, fingerprint);
  const names = Object.keys(knownFields) as (keyof ResolvedKey)[];
  const other = names.find((name) => comparable(key[name]) !== comparable(twin[name]));
  if (other === undefined) return;
  const field = entries.field(place);
  const isTwin = (_: unknown, earlier: number): boolean => entries.resolve(earlier, () => "").secret === twin.secret;
  const twinField = entries.field(Array.from({ length: place }).findIndex(isTwin));
  throw new InvalidOptionsError(
    field,
    `Expected \`${field}\`, which has the secret of \`${twinField}\`, to have the same settings, got another \`${other}\``,
  );
}

/** A setting as text: equal for equal ones, in whatever order names are given. */
function comparable(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
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
