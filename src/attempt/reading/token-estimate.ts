import { outputReserve } from "../../limits/limits.ts";
import { topLevelNumbers } from "./request-facts.ts";

/** What a picture or another file inside a body counts at most: its tokens do not follow from its length. */
export const payloadTokens = 1_000;

const charactersPerToken = 4;

/** Fewer base64 characters in a row are text: identifiers, hashes, tokens. */
const shortestPayload = 512;

/** How far apart the characters are that are looked at inside a payload. */
const probeStep = 64;

const scanLimit = 65_536;

const outputFields = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "max_tokens_to_sample",
  "generationConfig.maxOutputTokens",
  "generation_config.max_output_tokens",
  "request.generationConfig.maxOutputTokens",
  "options.num_predict",
];
const choiceFields = ["n", "generationConfig.candidateCount", "request.generationConfig.candidateCount"];
const wantedFields = [...outputFields, ...choiceFields];

/** Last parts of paths, lower case, whose answers hold no text of a model. */
const silentEndings = new Set([
  "embeddings",
  "embedding",
  "embed",
  "embedcontent",
  "batchembedcontents",
  "moderations",
  "rerank",
  "count_tokens",
  "counttokens",
  "input_tokens",
  "tokenize",
  "detokenize",
]);

/**
 * How many tokens a request may use: going in, a quarter of its characters (bytes, where it is given as bytes), with base64
 * payloads and bodies that are no text at `payloadTokens` each at most; coming out, what it asks for, at most `reserve`.
 * Takes time by the length of the body, far below a millisecond per megabyte.
 */
export function estimateTokens(
  body: string | Uint8Array | undefined,
  facts: { readonly path: string },
  reserve: number = outputReserve,
): { input: number; output: number } {
  if (body === undefined || body.length === 0) return { input: 0, output: 0 };
  const input = typeof body === "string" ? textTokens(body) : byteTokens(body);
  return { input, output: isSilent(facts.path) ? 0 : Math.min(reserve, askedOutput(body)) };
}

function isSilent(path: string): boolean {
  const query = path.indexOf("?");
  const end = (query === -1 ? path : path.slice(0, query)).replace(/\/$/, "");
  const last = Math.max(end.lastIndexOf("/"), end.lastIndexOf(":"));
  return silentEndings.has(end.slice(last + 1).toLowerCase());
}

/** Infinity when the request does not say. */
function askedOutput(body: string | Uint8Array): number {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body.subarray(0, scanLimit));
  const found = topLevelNumbers(text, wantedFields);
  let most = -1;
  for (const field of outputFields) most = Math.max(most, found.get(field) ?? -1);
  if (most < 0) return Number.POSITIVE_INFINITY;
  let choices = 1;
  for (const field of choiceFields) choices = Math.max(choices, found.get(field) ?? 1);
  return Math.ceil(most * choices);
}

function textTokens(text: string): number {
  return tokensOf(
    text.length,
    (at) => text.charCodeAt(at),
    (from) => text.indexOf('"', from),
  );
}

function byteTokens(bytes: Uint8Array): number {
  const tokens = tokensOf(
    bytes.length,
    (at) => bytes[at] as number,
    (from) => bytes.indexOf(0x22, from),
  );
  return isJson(bytes) ? tokens : Math.min(tokens, payloadTokens);
}

/** Does it begin as JSON does? Other bytes are sound, pictures and forms that hold such. */
function isJson(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length && (bytes[at] as number) <= 32) at++;
  return bytes[at] === 0x7b || bytes[at] === 0x5b || bytes[at] === 0x22 || bytes[at] === 0xef;
}

type CodeAt = (at: number) => number;

/**
 * Every payload covers a character that stands `shortestPayload` behind the last one known to be outside: looking back from
 * there, ordinary text is left after a few characters.
 */
function tokensOf(length: number, codeAt: CodeAt, quoteFrom: (from: number) => number): number {
  let textLength = length;
  let tokens = 0;
  let start = 0;
  // From `start` up to here all is base64.
  let known = 0;
  for (let last = shortestPayload - 1; last < length; last = start + shortestPayload - 1) {
    let back = last;
    while (back >= known && classAt(codeAt, back) !== 0) back--;
    if (back >= known) {
      start = back + 1;
      known = last + 1;
      continue;
    }
    const close = quoteFrom(last + 1);
    const end = runEnd(codeAt, last + 1, close === -1 ? length : close);
    if (isPayload(codeAt, start, end)) {
      textLength -= end - start;
      tokens += Math.min(payloadTokens, Math.ceil((end - start) / charactersPerToken));
    }
    start = end + 1;
    known = start;
  }
  return tokens + Math.ceil(textLength / charactersPerToken);
}

/** Text in the same string that follows a payload may be taken for part of it, for the length of a few probes. */
function runEnd(codeAt: CodeAt, from: number, end: number): number {
  let at = from;
  while (at + probeStep < end && classAt(codeAt, at + probeStep) !== 0) at += probeStep;
  while (at < end && classAt(codeAt, at) !== 0) at++;
  return at;
}

/** Real payloads mix capitals, small letters and digits; one letter over and over is text. */
function isPayload(codeAt: CodeAt, from: number, end: number): boolean {
  let seen = 0;
  for (let at = from; at < from + shortestPayload; at++) seen |= classAt(codeAt, at);
  for (let at = from + shortestPayload; at < end && (seen & 7) !== 7; at += probeStep) seen |= classAt(codeAt, at);
  return (seen & 7) === 7;
}

const classes = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[a-z]/.test(character)) classes[code] = 1;
  else if (/[A-Z]/.test(character)) classes[code] = 2;
  else if (/[0-9]/.test(character)) classes[code] = 4;
  else if (/[+/=_-]/.test(character)) classes[code] = 8;
}

/** 0 for what base64 never holds. Some encoders write its slashes with a backslash. */
function classAt(codeAt: CodeAt, at: number): number {
  const code = codeAt(at);
  if (code === 92) return codeAt(at + 1) === 47 ? 8 : 0;
  return code < 128 ? (classes[code] as number) : 0;
}
