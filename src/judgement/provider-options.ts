import { expectFunction, expectHeaders, expectNumber, expectUrl, unexpected } from "../checks.ts";
import { expectTimeZone, resolveLimits } from "../limits/limits.ts";
import type {
  CredentialPlacement,
  HeaderCounter,
  HealthProbe,
  ProtocolPlace,
  Provider,
  RequestShape,
  ResourceShape,
  StreamShape,
  TokenPlacement,
  UsageShape,
} from "./provider.ts";
import { errorRule } from "./rule-options.ts";
import {
  anyText,
  type Check,
  flag,
  headerName,
  listOf,
  oneOf,
  oneOrMore,
  optional,
  orNull,
  pairOfTexts,
  type Shape,
  shaped,
  text,
} from "./shape-checks.ts";
import { dimension, resetUnit, sharedBy, windowName } from "./vocabulary.ts";

const url: Check = (field, value) => {
  expectUrl(field, value);
};

const aFunction: Check = (field, value) => {
  expectFunction(field, value);
};

const host: Check = (field, value) => {
  if (typeof value === "string" && /^[^\s/?#@\\]+$/.test(value)) return;
  throw unexpected(field, 'a host such as "api.example.com" or ".example.com"', value);
};

const path: Check = (field, value) => {
  if (typeof value === "string" && value.startsWith("/")) return;
  throw unexpected(field, 'a path that begins with "/"', value);
};

/** It is put before the secret with a blank between; another one at its ends would be sent along. */
const scheme: Check = (field, value) => {
  if (typeof value === "string" && /^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value)) return;
  throw unexpected(field, 'a word such as "Bearer", without blanks around it, or ""', value);
};

/** Headers whose value is not for anybody to choose. */
const takenHeaders = ["connection", "content-length", "content-type", "cookie", "expect", "host", "transfer-encoding"];

const credentialHeader: Check = (field, value) => {
  headerName(field, value);
  if (!takenHeaders.includes(value as string)) return;
  throw unexpected(field, "a header that can hold a credential", value);
};

const parameterName: Check = (field, value) => {
  if (typeof value === "string" && /^[\w.~-]+$/.test(value)) return;
  throw unexpected(field, "the name of a parameter: letters, digits, `_`, `.`, `~` or `-`", value);
};

const headers: Check = (field, value) => {
  expectHeaders(field, value);
};

const tokenShape: Shape<TokenPlacement> = {
  prefix: text,
  header: credentialHeader,
  scheme: optional(scheme),
  headers: optional(headers),
};

const credentialShape: Shape<CredentialPlacement> = {
  header: optional(credentialHeader),
  scheme: optional(scheme),
  query: optional(parameterName),
  tokens: optional(listOf("kinds of credentials", shaped(tokenShape))),
};
const credentialFields = shaped(credentialShape);

/** Where one key's credential goes: a header, and the word before it. */
export const keyCredential: Check = shaped({ header: credentialHeader, scheme: optional(scheme) });

const credential: Check = (field, value) => {
  credentialFields(field, value);
  const { header, scheme: word, query } = value as CredentialPlacement;
  if (header !== undefined) return;
  if (query === undefined) throw unexpected(field, "a place with `header`, `query` or both", value);
  if (word !== undefined) throw unexpected(`${field}.scheme`, "given with `header` only", word);
};

const wholeNumber: Check = (field, value) => {
  expectNumber(field, value, { min: 0, integer: true, finite: true });
};

const counterShape: Shape<HeaderCounter> = {
  dimension,
  window: orNull(windowName),
  limit: optional(headerName),
  remaining: optional(headerName),
  reset: optional(headerName),
  unit: optional(resetUnit),
  resetIsFull: optional(flag),
  scope: optional(oneOf(["key", "account", "model"])),
  entry: optional(wholeNumber),
  unlimited: optional(wholeNumber),
};
const counterFields = shaped(counterShape);

const counter: Check = (field, value) => {
  counterFields(field, value);
  const { limit, remaining, reset, unit } = value as HeaderCounter;
  if (reset !== undefined && unit === undefined) {
    throw unexpected(`${field}.unit`, "given with `reset`, which is written in many ways", unit);
  }
  if ((limit ?? remaining ?? reset) === undefined) {
    throw unexpected(field, "a counter with `limit`, `remaining` or `reset`", value);
  }
};

const probe: Shape<HealthProbe> = {
  method: oneOf(["GET", "POST"]),
  path: text,
  body: optional(anyText),
  headers: optional(headers),
  proves: oneOf(["credential", "nothing"]),
  left: optional(text),
};

const request: Shape<RequestShape> = {
  modelField: optional(text),
  modelInPath: optional(pairOfTexts),
  streamField: optional(text),
  streamInPath: optional(text),
};

const paths = listOf("paths into JSON", text);
const usage: Shape<UsageShape> = {
  input: paths,
  output: paths,
  total: optional(paths),
  cumulative: optional(flag),
  asked: optional(flag),
};

const events = listOf("strings", text);
const resources: Shape<ResourceShape> = {
  prefixes: oneOrMore("texts", text),
  made: oneOrMore("texts", text),
  uploadHeader: optional(headerName),
};
const stream: Shape<StreamShape> = { preamble: events, terminal: events };

const tiers: Check = (field, value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, "an object with a list of limits for every tier", value);
  }
  for (const [name, limits] of Object.entries(value)) resolveLimits(`${field}.${name}`, limits);
};

const timeZone: Check = (field, value) => {
  expectTimeZone(field, value);
};

const protocolShape: Shape<ProtocolPlace> = {
  protocol: oneOf(["openai", "anthropic", "gemini"]),
  path: optional(path),
};

/** A check for every field of a provider. */
export const providerShape: Shape<Provider> = {
  name: text,
  classifier: optional(aFunction),
  origins: listOf("origins", url),
  hosts: optional(listOf("hosts", host)),
  paths: optional(listOf("paths", path)),
  protocols: optional(listOf("protocols", shaped(protocolShape))),
  baseURL: optional(url),
  credential,
  sharedBy: optional(sharedBy),
  perModel: optional(flag),
  tiers: optional(tiers),
  headers: optional(listOf("counters", counter)),
  errors: optional(listOf("rules", errorRule)),
  dayZone: optional(timeZone),
  probe: optional(shaped(probe)),
  request: optional(shaped(request)),
  usage: optional(shaped(usage)),
  stream: optional(shaped(stream)),
  resources: optional(shaped(resources)),
  errorsInside200: optional(flag),
  repeatsServerErrors: optional(flag),
  bindsToAccount: optional(flag),
  errorShape: optional(oneOf(["openai", "anthropic", "gemini"])),
};

const provider = shaped(providerShape);

/**
 * Checks a provider that is not one of the library's own.
 * @throws InvalidOptionsError naming the field, and for a rule also its place in the list.
 */
export function expectProvider(field: string, value: unknown): Provider {
  provider(field, value);
  return value as Provider;
}
