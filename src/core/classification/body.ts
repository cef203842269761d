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
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function isEventStream(text: string): boolean {
  return text.startsWith("data:") || text.startsWith("event:") || text.startsWith("id:") || text.startsWith(":");
}

/** The first event that carries an error, or the first that is JSON at all. */
function findErrorEvent(text: string): unknown {
  let firstEvent: unknown;
  let position = 0;
  for (let count = 0; count < maxEvents && position < text.length; ) {
    const newline = text.indexOf("\n", position);
    const end = newline === -1 ? text.length : newline;
    if (text.startsWith("data:", position)) {
      count += 1;
      const data = text.slice(position + 5, end).trim();
      const parsed = data.startsWith("{") || data.startsWith("[") ? parseJson(data) : undefined;
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
  const quote = separator.indexOf('"');
  if (quote === -1 || separator.slice(0, quote).trim() !== ":") return null;
  const start = at + name.length + quote;
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  const value = parseJson(end < text.length ? text.slice(start, end + 1) : `${text.slice(start)}"`);
  return typeof value === "string" ? value : null;
}
