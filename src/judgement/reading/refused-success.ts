import { foldIdentifier } from "./envelope.ts";
import { isList, isObject, readField, readList } from "./guarded.ts";

/** Words that a status, code or result of a refusal consists of or ends with, folded. */
const refusals = [
  "error",
  "fail",
  "failed",
  "failure",
  "notok",
  "denied",
  "limit",
  "unauthorized",
  "forbidden",
  "invalid",
];
const stateFields = ["status", "code", "result", "message", "state"];
const errorTexts = ["error_message", "errorMessage", "errmsg", "error_msg", "errMsg", "error_description"];
const noteFields = new Set(["error", "errors", "message", "note", "information", "detail", "warning"]);
const dataFields = ["data", "choices", "results", "items", "output", "content"];

/**
 * Does a body that came with success look like a refusal? It may still be none: only words decide. Looks at a few fields at the
 * top, never into data.
 */
export function looksRefused(value: unknown): boolean {
  if (!isObject(value) || isList(value)) return false;
  if (readField(value, "success") === false || readField(value, "ok") === false) return true;
  if (errorTexts.some((name) => isText(readField(value, name)))) return true;
  if (stateFields.some((name) => isRefusal(readField(value, name)))) return true;
  return holdsBadCode(value) || isNote(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isRefusal(value: unknown): boolean {
  if (typeof value !== "string" || value.length > 48) return false;
  const folded = foldIdentifier(value);
  return refusals.some((word) => folded.endsWith(word));
}

/** A number that stands for no success, beside a text and no data. */
function holdsBadCode(value: object): boolean {
  const code = readField(value, "code") ?? readField(value, "errcode") ?? readField(value, "status");
  if (typeof code !== "number" || code === 0 || code === 1 || (code >= 200 && code < 300)) return false;
  const hasText = ["msg", "message", "info", "reason"].some((name) => isText(readField(value, name)));
  return hasText && dataFields.every((name) => isNothing(readField(value, name)));
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (isList(value) && readField(value, "length") === 0);
}

/** Nothing but a short note. */
function isNote(value: object): boolean {
  let names: readonly string[];
  try {
    names = Object.keys(value);
  } catch {
    return false;
  }
  if (names.length === 0 || names.length > 2) return false;
  if (!names.every((name) => isText(readField(value, name)))) return false;
  return names.some((name) => noteFields.has(name.toLowerCase()));
}

/** Fields of a message that are an answer, too. */
const otherAnswers = ["tool_calls", "function_call", "refusal", "audio", "images", "reasoning", "reasoning_content"];
/** Ends that say nothing of why. */
const plainEnds = new Set(["stop", "end_turn", "finish_reason_unspecified", "completed", "other", "unknown"]);

/**
 * Is it a completion without content for which nothing was used? Providers answer so when a backend fell away behind a gateway.
 * Whatever tells why there is nothing (a filter, a tool call, tokens spent on thinking) makes it an answer.
 */
export function holdsNothing(body: unknown): boolean {
  const list = contentListOf(body);
  if (list === undefined || hasUsed(readField(body, "usage") ?? readField(body, "usageMetadata"))) return false;
  return readList(list).every(isEmptyPart);
}

/** Where a completion has its content; `undefined`: it is none. */
function contentListOf(body: unknown): unknown {
  if (!isObject(body) || isList(body)) return undefined;
  const choices = readField(body, "choices");
  if (choices === null || isList(choices)) return choices ?? [];
  const candidates = readField(body, "candidates");
  if (isList(candidates)) return isFilled(readField(body, "promptFeedback")) ? undefined : candidates;
  if (readField(body, "type") === "message" && endsPlainly(readField(body, "stop_reason")))
    return listOf(body, "content");
  if (readField(body, "object") === "response" && readField(body, "status") === "completed")
    return listOf(body, "output");
  return undefined;
}

function listOf(body: unknown, name: string): unknown {
  const value = readField(body, name);
  return isList(value) ? value : undefined;
}

function hasUsed(usage: unknown): boolean {
  return ["completion_tokens", "output_tokens", "candidatesTokenCount", "thoughtsTokenCount"].some((name) => {
    const used = readField(usage, name);
    return typeof used === "number" && used > 0;
  });
}

/** One choice, candidate or block. */
function isEmptyPart(part: unknown): boolean {
  const message = readField(part, "message") ?? part;
  const end = readField(part, "finish_reason") ?? readField(part, "finishReason");
  if (!endsPlainly(end)) return false;
  const type = readField(part, "type");
  if (typeof type === "string" && !["text", "message", "output_text"].includes(type)) return false;
  if (otherAnswers.some((name) => isFilled(readField(message, name)))) return false;
  const content = readField(message, "content");
  const parts = isObject(content) && !isList(content) ? readField(content, "parts") : content;
  return isBlank(parts) && isBlank(readField(part, "text"));
}

function endsPlainly(end: unknown): boolean {
  return typeof end !== "string" || plainEnds.has(end.toLowerCase());
}

/** Nothing, blanks, or parts that are. */
function isBlank(value: unknown): boolean {
  if (typeof value === "string") return value.trim() === "";
  if (!isObject(value)) return true;
  if (!isList(value)) return isEmptyBlock(value);
  return readList(value).every((part) => (isObject(part) ? isEmptyBlock(part) : isBlank(part)));
}

/** A block of text that holds none; of any other kind it is an answer. */
function isEmptyBlock(block: unknown): boolean {
  const type = readField(block, "type");
  if (typeof type === "string" && type !== "text" && type !== "output_text") return false;
  const text = readField(block, "text");
  return typeof text === "string" ? text.trim() === "" : !isObject(block) || Object.keys(block).length === 0;
}

function isFilled(value: unknown): boolean {
  if (!isObject(value)) return value !== undefined && value !== null && value !== "";
  return !isList(value) || readList(value).length > 0;
}
