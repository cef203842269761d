import { unexpected, unexpectedSecret } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import { isFingerprint } from "./fingerprint.ts";
import type { KeyConfig, KeyList } from "./key-config.ts";
import { type ReadProvider, routeAsGiven } from "./key-config.ts";
import { keyFields, type ListedKey, type ResolvedKey, resolvedKey, resolveKey, usualKey } from "./key-source.ts";
import { checkedElement, checkedPart, isPlainSecret, kindOf, notSet, refuseBraces, unquoted } from "./secret-text.ts";

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
  resolve(place: number, fingerprint: (secret: string) => string, readProvider?: ReadProvider): ResolvedKey {
    return resolvedKey(this.read(place, fingerprint, readProvider), fingerprint);
  }

  /** The same, which leaves a key that is nothing but a secret as it is. */
  read(place: number, fingerprint: (secret: string) => string, readProvider?: ReadProvider): ListedKey {
    const entry = this.#entries[place];
    if (typeof entry === "string") {
      return isPlainSecret(entry) ? entry : this.#check(this.field(place), entry);
    }
    const isObject =
      typeof entry === "object" && entry !== null && !Array.isArray(entry) && this.#check === checkedElement;
    const usual = isObject ? usualKey(entry as KeyConfig<string>) : undefined;
    if (usual !== undefined) return usual;
    const field = this.field(place);
    if (this.#check !== checkedElement) return this.#check(field, entry);
    if (isObject) return resolveKey(field, entry as KeyConfig<string>, fingerprint, readProvider);
    throw unexpectedSecret(field, "a string or a key object", kindOf(entry));
  }
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
 * Checks a list of keys. The same secret twice is one key, if it comes with the same settings.
 * @throws InvalidOptionsError naming the entry and the field.
 */
export function resolveKeys(
  list: KeyList<string> | undefined,
  fingerprint: (secret: string) => string,
  readProvider?: ReadProvider,
): ResolvedKey[] {
  return readKeys(list, fingerprint, readProvider).map((key) => resolvedKey(key, fingerprint));
}

/**
 * The same, which leaves keys that are nothing but a secret as they are.
 * @throws what `resolveKeys` throws
 */
export function readKeys(
  list: KeyList<string> | undefined,
  fingerprint: (secret: string) => string,
  readProvider?: ReadProvider,
  check?: (field: string, key: ListedKey) => void,
): ListedKey[] {
  const entries = toEntries(list);
  const keys: ListedKey[] = [];
  const bySecret = new Map<ResolvedKey["secret"], ListedKey>();
  const ids = new Ids(keys, fingerprint);
  for (let place = 0; place < entries.count; place++) {
    const key = entries.read(place, fingerprint, readProvider);
    const secret = typeof key === "string" ? key : key.secret;
    if (typeof secret === "string") {
      const known = bySecret.get(secret);
      if (known !== undefined) {
        if (known !== key) expectSameSettings(entries, place, key, known, fingerprint, readProvider);
        continue;
      }
      bySecret.set(secret, key);
    }
    if (!ids.isNew(key)) {
      const field = `${entries.field(place)}.id`;
      throw new InvalidOptionsError(field, `Expected \`${field}\` to be unique, got one that an earlier key has`);
    }
    check?.(entries.field(place), key);
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
  listedEarlier: ListedKey,
  fingerprint: (secret: string) => string,
  readProvider: ReadProvider | undefined,
): void {
  const key = resolvedKey(listed, fingerprint);
  const earlier = resolvedKey(listedEarlier, fingerprint);
  const [one, two] = [settingsOf(key), settingsOf(earlier)];
  const other = Object.keys(keyFields).find((name) => comparable(one[name]) !== comparable(two[name]));
  if (other === undefined && key.route?.fetch === earlier.route?.fetch) return;
  const field = entries.field(place);
  const isIt = (_: unknown, at: number): boolean =>
    entries.resolve(at, () => "", readProvider).secret === earlier.secret;
  const earlierField = entries.field(Array.from({ length: place }).findIndex(isIt));
  throw new InvalidOptionsError(
    field,
    `Expected \`${field}\`, which has the secret of \`${earlierField}\`, to have the same settings, got another \`${other ?? "fetch"}\``,
  );
}

/** By the names they were given under. */
function settingsOf(key: ResolvedKey): Readonly<Record<string, unknown>> {
  return { ...key, ...routeAsGiven(key.route) };
}

/** A setting as text: equal for equal ones, in whatever order names are given. */
function comparable(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
