import { cutText, maxTextLength, readField } from "./guarded.ts";

/** `markup` pages come from something in front of the API; their words say nothing about a key. */
export type BodyFormat = "structured" | "text" | "markup" | "empty";

export interface DecodedBody {
  readonly format: BodyFormat;
  /** The parsed value, the text itself, or `undefined` for an empty body. */
  readonly value: unknown;
  /** Only pieces of the value could be read: it was cut off. */
  readonly isSalvaged?: boolean | undefined;
}

const maxEvents = 64;
/** A stream with so many events that are no JSON has none that tells. */
const maxBrokenEvents = 4;

/**
 * No error is nested deeper or has more members, and parsing what is would cost more than all the rest. It is read as if
 * it had been cut off.
 */
const maxDepth = 256;
const maxMembers = 2_048;
/** Below this length nothing is expensive. */
const plainLength = 4_096;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Tells what a body is, parsing JSON and server-sent events where the text begins like them. Never throws. */
export function decodeBody(body: unknown): DecodedBody {
  if (typeof body !== "string") {
    const isValue = typeof body === "object" && body !== null;
    return isValue ? { format: "structured", value: body } : { format: "empty", value: undefined };
  }
  const text = cutText(body, maxTextLength).trim();
  if (text === "") return { format: "empty", value: undefined };
  const first = text[0];
  if (first === "<") return { format: "markup", value: text };
  if (first === "{" || first === "[" || first === '"') {
    const parsed = parseJson(text);
    if (typeof parsed === "string") return { format: "text", value: parsed };
    if (parsed !== undefined) return { format: "structured", value: parsed };
    const salvaged = first === '"' ? null : salvage(text);
    return salvaged === null
      ? { format: "text", value: text }
      : { format: "structured", value: salvaged, isSalvaged: true };
  }
  const event = isEventStream(text) ? findErrorEvent(text) : undefined;
  return event === undefined ? { format: "text", value: text } : { format: "structured", value: event };
}

function parseJson(text: string): unknown {
  if (text.length > plainLength && isExcessive(text)) return undefined;
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Are too many brackets open at once, or too many members listed? Strings are skipped. */
function isExcessive(text: string): boolean {
  let depth = 0;
  let members = 0;
  for (let position = 0; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if (code === quote) {
      position = closingQuote(text, position + 1);
    } else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (code === closeBrace || code === closeBracket) {
      depth -= 1;
    } else if (code === comma) {
      members += 1;
      if (members > maxMembers) return true;
    }
  }
  return false;
}

/** Where the string that begins at `start` ends; the end of the text where it does not. */
function closingQuote(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (end !== -1) {
    let before = end - 1;
    while (before >= start && text.charCodeAt(before) === backslash) before -= 1;
    if ((end - before) % 2 === 1) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

function isEventStream(text: string): boolean {
  return text.startsWith("data:") || text.startsWith("event:") || text.startsWith("id:") || text.startsWith(":");
}

/** The first event that carries an error, or the first that is JSON at all. */
function findErrorEvent(text: string): unknown {
  let firstEvent: unknown;
  let position = 0;
  let broken = 0;
  for (let count = 0; count < maxEvents && broken < maxBrokenEvents && position < text.length; ) {
    const newline = text.indexOf("\n", position);
    const end = newline === -1 ? text.length : newline;
    if (text.startsWith("data:", position)) {
      count += 1;
      const data = text.slice(position + 5, end).trim();
      const isJson = data.startsWith("{") || data.startsWith("[");
      const parsed = isJson ? parseJson(data) : undefined;
      if (isJson && parsed === undefined) broken += 1;
      firstEvent ??= parsed;
      const hasError = [parsed, readField(parsed, "response")].some((value) => readField(value, "error"));
      if (hasError || readField(parsed, "type") === "error") return parsed;
    }
    position = end + 1;
  }
  return firstEvent;
}

/** What can be told of JSON that was cut off: the first `code`, `type` and `message` that are complete strings. */
function salvage(text: string): object | null {
  const code = findString(text, '"code"');
  const type = findString(text, '"type"');
  const message = findString(text, '"message"') ?? findString(text, '"detail"');
  if (code === null && type === null && message === null) return null;
  return { code, type, message };
}

function findString(text: string, name: string): string | null {
  const at = text.indexOf(name);
  if (at === -1) return null;
  const separator = text.slice(at + name.length, at + name.length + 8);
  const opening = separator.indexOf('"');
  if (opening === -1 || separator.slice(0, opening).trim() !== ":") return null;
  const start = at + name.length + opening;
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  const value = parseJson(end < text.length ? text.slice(start, end + 1) : `${text.slice(start)}"`);
  return typeof value === "string" ? value : null;
}
