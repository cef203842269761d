import { InvalidOptionsError } from "../errors.ts";

/** Keys of 32 digits are common; names of time zones are seldom longer. */
const longestShown = 31;

/** A string put in the wrong place may be a secret: from eight characters on, digits among them give it away. */
function mayBeSecret(text: string): boolean {
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

/** Fails in the one form all messages of the library have. */
export function unexpected(field: string, expectation: string, value: unknown): InvalidOptionsError {
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${shown(value)}`);
}

/** The same for values that are or may be secrets: only what kind of thing came is told. */
export function unexpectedSecret(field: string, expectation: string, came: string): InvalidOptionsError {
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${came}`);
}

export function expectNumber(
  field: string,
  value: unknown,
  { min, above, integer = false }: { min?: number; above?: number; integer?: boolean },
): number {
  const fits =
    typeof value === "number" &&
    !Number.isNaN(value) &&
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (!integer || Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY);
  if (fits) return value as number;
  const bound = above === undefined ? `>= ${min}` : `> ${above}`;
  throw unexpected(field, `${integer ? "an integer" : "a number"} ${bound}`, value);
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

export function expectOneOf<T extends string>(field: string, value: unknown, known: readonly T[]): T {
  if (typeof value === "string" && (known as readonly string[]).includes(value)) return value as T;
  throw unexpected(field, `one of ${known.map((name) => `"${name}"`).join(", ")}`, value);
}

/** Names with string values: headers, query parameters. */
export function expectStringRecord(field: string, value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, "an object with string values", value);
  }
  for (const [name, entry] of Object.entries(value)) {
    // Values may be credentials: only their type is told.
    if (typeof entry !== "string") throw unexpectedSecret(`${field}.${name}`, "a string", typeof entry);
  }
  return value as Record<string, string>;
}

/** An absolute http or https URL. The value is not repeated: it may carry a credential. */
export function expectUrl(field: string, value: unknown): URL {
  let url: URL | undefined;
  if (typeof value === "string" || value instanceof URL) {
    try {
      url = new URL(value);
    } catch {
      url = undefined;
    }
  }
  if (url !== undefined && (url.protocol === "https:" || url.protocol === "http:")) return url;
  const came = typeof value === "string" ? `a string that is not one` : typeof value;
  throw unexpectedSecret(field, 'an absolute URL such as "https://api.example.com/v1"', came);
}

/** Refuses options nobody knows: a typing error must not silently mean the default. */
export function expectKnown(field: string, value: unknown, known: Readonly<Record<string, unknown>>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, "an object", value);
  }
  const unknownName = Object.keys(value).find((name) => !Object.hasOwn(known, name));
  if (unknownName === undefined) return;
  // A list of keys that became an object has secrets for names.
  const isName = /^\w{1,24}$/.test(unknownName);
  if (!isName) throw unexpected(field, `an object with only known fields (${Object.keys(known).join(", ")})`, value);
  const path = field === "options" ? unknownName : `${field}.${unknownName}`;
  throw new InvalidOptionsError(
    path,
    `Expected \`${field}\` to have only known fields (${Object.keys(known).join(", ")}), got \`${unknownName}\``,
  );
}
