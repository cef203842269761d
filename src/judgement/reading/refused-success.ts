import { foldIdentifier } from "./envelope.ts";
import { isList, isObject, readField } from "./guarded.ts";

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
