import { closestName } from "./closest-name.ts";
import { InvalidOptionsError } from "./errors.ts";
import { isA } from "./realms.ts";

/** Keys of 32 digits are common; names of time zones are seldom longer. */
const longestShown = 31;

/** A string put in the wrong place may be a secret: from eight characters on, digits among them give it away. */
export function mayBeSecret(text: string): boolean {
  return text.length > longestShown || text.includes(",") || (text.length >= 8 && /\d/.test(text));
}

/** Shows a value in a message: short, and never a string that may be a secret. */
function shown(value: unknown): string {
  if (typeof value === "string")
    return mayBeSecret(value) ? `a string of ${value.length} characters` : `\`${value}\` (string)`;
  if (value === null || value === undefined) return `\`${value}\``;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object") return "an object";
  return `\`${String(value)}\` (${typeof value})`;
}

/** What a name that nobody knows was probably meant to be, to end a message with. */
function hint(name: string, known: readonly string[]): string {
  const closest = closestName(name, known);
  return closest === undefined ? "" : `; did you mean \`${closest}\`?`;
}

/** Fails in the one form all messages of the library have. */
export function unexpected(field: string, expectation: string, value: unknown): InvalidOptionsError {
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${shown(value)}`);
}

/** The same for values that are or may be secrets: only what kind of thing came is told. */
export function unexpectedSecret(field: string, expectation: string, came: string): InvalidOptionsError {
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${came}`);
}

export interface NumberBounds {
  readonly min?: number;
  readonly above?: number;
  /** Whole, or endless. */
  readonly integer?: boolean;
  readonly finite?: boolean;
}

export function expectNumber(
  field: string,
  value: unknown,
  { min, above, integer = false, finite = false }: NumberBounds = {},
): number {
  const fits =
    typeof value === "number" &&
    !Number.isNaN(value) &&
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (!integer || Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY) &&
    (!finite || Number.isFinite(value));
  if (fits) return value as number;
  const bound = above === undefined ? (min === undefined ? "" : ` >= ${min}`) : ` > ${above}`;
  const noun = finite && value === Number.POSITIVE_INFINITY ? "a finite number" : "a number";
  const expectation = integer ? `an integer${bound}${finite ? "" : " or Infinity"}` : `${noun}${bound}`;
  throw unexpected(field, expectation, value);
}

/** How long something is to cool down, or the word that ends it. */
export function expectCooldownTime(field: string, value: unknown): number | "end" {
  if (value === "end" || (typeof value === "number" && Number.isFinite(value) && value > 0)) return value;
  throw unexpected(field, 'a finite number of milliseconds > 0, or "end"', value);
}

export function expectString(field: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw unexpected(field, "a non-empty string", value);
}

export function expectBoolean(field: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw unexpected(field, "true or false", value);
}

export function expectFunction<T>(field: string, value: unknown): T {
  if (typeof value === "function") return value as T;
  throw unexpected(field, "a function", value);
}

/** An object with these methods. What came is told by what it lacks: objects look alike in a message. */
export function expectMethods<T>(field: string, methods: readonly (keyof T & string)[], value: unknown): T {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  const missing = isObject
    ? methods.filter((name) => typeof (value as Record<string, unknown>)[name] !== "function")
    : [];
  if (isObject && missing.length === 0) return value as T;
  const last = methods.at(-1) as string;
  const named = methods.length === 1 ? `method ${last}` : `methods ${methods.slice(0, -1).join(", ")} and ${last}`;
  const expectation = `an object with the ${named}`;
  const { message } = unexpected(field, expectation, value);
  const client =
    isObject && "sendCommand" in (value as object)
      ? `; a Redis client goes into a \`Redis${field === "store" ? "" : "Key"}Store\``
      : "";
  throw new InvalidOptionsError(field, isObject ? `${message} without ${missing.join(", ")}${client}` : message);
}

export function expectOneOf<T extends string>(field: string, value: unknown, known: readonly T[]): T {
  if (typeof value === "string" && (known as readonly string[]).includes(value)) return value as T;
  const { message } = unexpected(field, `one of ${known.map((name) => `"${name}"`).join(", ")}`, value);
  throw new InvalidOptionsError(field, typeof value === "string" ? `${message}${hint(value, known)}` : message);
}

/** Where an entry stands, for messages: by its name, or by its place where the name itself may be a secret. */
function pathOf(field: string, name: string, place: number): string {
  return mayBeSecret(name) || !/^[\w-]+$/.test(name) ? `${field}[${place}]` : `${field}.${name}`;
}

/** Names with string values: query parameters, tags. */
export function expectStringRecord(field: string, value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, "an object with string values", value);
  }
  for (const [place, [name, entry]] of Object.entries(value).entries()) {
    // Values may be credentials: only their type is told.
    if (typeof entry !== "string") throw unexpectedSecret(pathOf(field, name, place), "a string", typeof entry);
  }
  return value as Record<string, string>;
}

/** The first character that no header value can hold: `fetch` would fail with the whole value in its message. */
function badInHeader(value: string): string | undefined {
  for (let place = 0; place < value.length; place++) {
    const code = value.charCodeAt(place);
    if (code === 0x0a || code === 0x0d) return `one with a line break at position ${place}`;
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) {
      return `one with a control character (code ${code}) at position ${place}`;
    }
    if (code > 0xff) return `one with a character no header can carry (code ${code}) at position ${place}`;
  }
  return undefined;
}

/** Headers that every `fetch` takes. Neither values nor names that are none are repeated: they may be credentials. */
export function expectHeaders(field: string, value: unknown): Readonly<Record<string, string>> {
  const headers = expectStringRecord(field, value);
  for (const [place, [name, entry]] of Object.entries(headers).entries()) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      const came = name === "" ? "an empty one" : `${name.length} characters that are none`;
      throw unexpectedSecret(`${field}[${place}]`, "named by a header name such as `x-region`", came);
    }
    const bad = badInHeader(entry);
    if (bad !== undefined) throw unexpectedSecret(pathOf(field, name, place), "a value a header can carry", bad);
  }
  return headers;
}

/** An absolute http or https URL. The value is not repeated: it may carry a credential. */
export function expectUrl(field: string, value: unknown): URL {
  let url: URL | undefined;
  if (typeof value === "string" || isA(value, "URL")) {
    try {
      url = new URL(value);
    } catch {
      url = undefined;
    }
  }
  const example = 'an absolute URL such as "https://api.example.com/v1"';
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw unexpectedSecret(field, example, typeof value === "string" ? "a string that is not one" : typeof value);
  }
  // No `fetch` takes one, and it would fail with the whole URL in its message.
  if (url.username !== "" || url.password !== "") {
    const came = "one with user info before an `@`; credentials go into `keys`, or into a key's `headers`";
    throw unexpectedSecret(field, `${example} without user info`, came);
  }
  return url;
}

/**
 * Refuses options nobody knows: a typing error must not silently mean the default.
 * @param hints what to say of names that are known to be meant otherwise, to end a message with
 */
export function expectKnown(
  field: string,
  value: unknown,
  known: Readonly<Record<string, unknown>>,
  hints: Readonly<Record<string, string>> = {},
): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, "an object", value);
  }
  const unknownName = Object.keys(value).find((name) => !Object.hasOwn(known, name));
  if (unknownName === undefined) return;
  // A list of keys that became an object has secrets for names.
  const isName = /^\w{1,24}$/.test(unknownName) && !mayBeSecret(unknownName);
  const names = Object.keys(known);
  if (!isName) throw unexpected(field, `an object with only known fields (${names.join(", ")})`, value);
  const path = field === "options" ? unknownName : `${field}.${unknownName}`;
  const meant = Object.hasOwn(hints, unknownName) ? `; ${hints[unknownName]}` : hint(unknownName, names);
  const ending = meant.endsWith("?") ? meant : `${meant}.`;
  throw new InvalidOptionsError(
    path,
    `Expected \`${field}\` to have only known fields, got \`${unknownName}\`${ending} Known are ${names.join(", ")}`,
  );
}
