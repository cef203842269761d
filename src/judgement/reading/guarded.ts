/** Longest text that is looked at; what follows is not read. */
export const maxTextLength = 65_536;

/** Longest single message that is searched for words. */
export const maxMessageLength = 8_192;

const maxListLength = 32;

/** A property of anything, `undefined` where there is none or where reading it fails (getters, revoked proxies). */
export function readField(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return (value as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** What stands at a path (dots between names) in the first of several values that has something there. */
export function readPath(holders: readonly unknown[], path: string): unknown {
  const names = path.split(".");
  for (const holder of holders) {
    const found = names.reduce(readField, holder);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A property that is a non-empty string, cut to `maxMessageLength`; `null` otherwise. */
export function readText(value: unknown, name: string): string | null {
  const text = readField(value, name);
  return typeof text === "string" && text !== "" ? cutText(text, maxMessageLength) : null;
}

/** A short identifier: a non-empty string or a number as text. Relays write Python's `"None"` for "no value". */
export function readIdentifier(value: unknown, name: string): string | null {
  const found = readField(value, name);
  if (typeof found === "number") return Number.isFinite(found) ? String(found) : null;
  if (typeof found !== "string" || found === "" || found === "None" || found === "null") return null;
  return cutText(found, 128);
}

/** The texts of a value: its own, or those one level below. */
export function textOf(value: unknown): string {
  if (!isObject(value)) return plainText(value);
  if (isList(value)) return readList(value).map(plainText).join("\n");
  try {
    return Object.values(value).slice(0, maxListLength).map(plainText).join("\n");
  } catch {
    return "";
  }
}

function plainText(value: unknown): string {
  if (typeof value === "string") return cutText(value, maxMessageLength);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

export function isList(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** The first elements of a list, an empty one for anything else. */
export function readList(value: unknown): readonly unknown[] {
  if (!isList(value)) return [];
  const length = readField(value, "length");
  const count = typeof length === "number" ? Math.min(length, maxListLength) : 0;
  const elements: unknown[] = [];
  for (let index = 0; index < count; index += 1) elements.push(readField(value, String(index)));
  return elements;
}

export function cutText(text: string, maxLength: number): string {
  return text.length > maxLength ? text.slice(0, maxLength) : text;
}

/** Does the text contain one of the phrases? Linear in both, unlike a pattern written by hand may be. */
export function containsAny(text: string, phrases: readonly string[]): boolean {
  for (const phrase of phrases) if (text.includes(phrase)) return true;
  return false;
}
