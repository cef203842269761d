import type { Place } from "./form-fields.ts";

/** How much of a body is looked through for numbers, and at first for a text; what is wanted mostly stands near its beginning. */
const scanLimit = 65_536;

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * Finds a string at the top level of a JSON object without parsing the whole of it. Returns `undefined` when it is not
 * there, not a string, or the text is not a JSON object.
 */
export function topLevelString(text: string, field: string): string | undefined {
  let found: string | undefined;
  // Some clients write it behind all that was said so far.
  for (let end = Math.min(text.length, scanLimit); ; end = text.length) {
    forEachMember(text, 0, end, (name, valueAt) => {
      if (name !== field && !(name.includes("\\") && unescaped(name) === field)) return true;
      found = stringAt(text, valueAt, end);
      return false;
    });
    if (found !== undefined || end === text.length) return found;
  }
}

/** A name as it is meant: any letter of it may be written as an escape. */
function unescaped(name: string): string | undefined {
  return stringAt(`"${name}"`, 0, name.length + 2);
}

/**
 * Where the strings of this name stand at the top level of a JSON object, quotes included: of a name that occurs twice, both, as
 * readers differ in which one counts. A text may have one character for each byte.
 */
export function topLevelStrings(text: string, field: string): Place[] {
  const places: Place[] = [];
  forEachMember(text, 0, text.length, (name, valueAt) => {
    const isString = text.charCodeAt(valueAt) === quote && (name === field || unescaped(name) === field);
    const close = isString ? stringEnd(text, valueAt, text.length) : -1;
    if (close !== -1) places.push([valueAt, close + 1]);
    return true;
  });
  return places;
}

/**
 * Finds numbers in a JSON object without parsing the whole of it. A dot in a name leads into an object: `"a.b"`. Of a name
 * that occurs twice the first one counts.
 */
export function topLevelNumbers(text: string, names: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const head = beginningOf(text);
  collectNumbers(head, 0, head.length, "", names, found);
  return found;
}

/** Cut off, so that a search for the end of a long string does not go through all of it. */
function beginningOf(text: string): string {
  return text.length > scanLimit ? text.slice(0, scanLimit) : text;
}

function collectNumbers(
  text: string,
  from: number,
  end: number,
  prefix: string,
  names: readonly string[],
  found: Map<string, number>,
): void {
  forEachMember(text, from, end, (name, valueAt) => {
    const path = prefix + name;
    if (names.includes(path)) {
      const value = numberAt(text, valueAt, end);
      if (value !== undefined && !found.has(path)) found.set(path, value);
    } else if (text.charCodeAt(valueAt) === openBrace) {
      const inner = `${path}.`;
      if (names.some((wanted) => wanted.startsWith(inner))) collectNumbers(text, valueAt, end, inner, names, found);
    }
    return true;
  });
}

/**
 * Walks the members of the JSON object that begins at or after `from`, until `visit` returns false. Names come as they are
 * written, escapes and all. Returns whether the object was walked to its end.
 */
export function forEachMember(
  text: string,
  from: number,
  end: number,
  visit: (name: string, valueAt: number) => boolean,
): boolean {
  let at = skipSpace(text, from, end);
  if (text.charCodeAt(at) !== openBrace) return false;
  at = skipSpace(text, at + 1, end);
  if (at < end && text.charCodeAt(at) === closeBrace) return true;
  while (at < end) {
    if (text.charCodeAt(at) !== quote) return false;
    const nameEnd = stringEnd(text, at, end);
    if (nameEnd === -1) return false;
    const name = text.slice(at + 1, nameEnd);
    at = skipSpace(text, nameEnd + 1, end);
    if (text.charCodeAt(at) !== colon) return false;
    at = skipSpace(text, at + 1, end);
    if (!visit(name, at)) return false;
    at = valueEnd(text, at, end);
    if (at >= end || text.charCodeAt(at) !== comma) return at < end && text.charCodeAt(at) === closeBrace;
    at = skipSpace(text, at + 1, end);
  }
  return false;
}

/** The number that begins at `at`, if it is seen to its end before `end`. */
export function numberAt(text: string, at: number, end: number): number | undefined {
  let stop = at;
  while (stop < end && isNumeric(text.charCodeAt(stop))) stop++;
  if (stop === at || stop === end) return undefined;
  const value = Number(text.slice(at, stop));
  return Number.isFinite(value) ? value : undefined;
}

/** Digits, signs, the dot and the letter of an exponent. */
function isNumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 43 || code === 101 || code === 69;
}

function stringAt(text: string, at: number, end: number): string | undefined {
  if (text.charCodeAt(at) !== quote) return undefined;
  const close = stringEnd(text, at, end);
  if (close === -1) return undefined;
  try {
    return JSON.parse(text.slice(at, close + 1)) as string;
  } catch {
    return undefined;
  }
}

export function skipSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) break;
    at++;
  }
  return at;
}

/** Where the string that begins at `from` closes, or -1. */
export function stringEnd(text: string, from: number, end: number): number {
  const close = nextQuote(text, from + 1);
  return close < end ? close : -1;
}

/** The next quotation mark at or after `from` that no backslash takes its meaning from, or -1. `from` is not behind one. */
export function nextQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at !== -1) {
    let before = at;
    while (before > from && text.charCodeAt(before - 1) === backslash) before--;
    if ((at - before) % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
  return -1;
}

/** Just behind the value that begins at `from`: at a comma, a closing bracket, or `end`. */
function valueEnd(text: string, from: number, end: number): number {
  let depth = 0;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const close = stringEnd(text, at, end);
      if (close === -1) return end;
      at = close;
    } else if (code === openBrace || code === openBracket) depth++;
    else if (code === closeBrace || code === closeBracket) {
      if (depth === 0) return at;
      depth--;
    } else if (code === comma && depth === 0) return at;
  }
  return end;
}
