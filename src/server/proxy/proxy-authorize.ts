import type { CallOptions } from "../../attempt/call.ts";
import {
  expectBoolean,
  expectFunction,
  expectKnown,
  expectString,
  unexpected,
  unexpectedSecret,
} from "../../checks.ts";
import { expectCallOptions } from "../../fetch/call-options.ts";
import type { Awaitable } from "../../types.ts";
import { digestOf, type MakeDigest, type TokenDigest, whoHas } from "../constant-time.ts";
import { ProxyError } from "./proxy-error.ts";

/** A request as it asks to be let through. */
export interface ProxyRequest {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly url: string;
  /** A header of the request, name in lower case; `null` where there is none. */
  header(name: string): string | null;
}

/** A request that is let through, and what it may do. */
export interface Admission {
  /** Options of the call, whatever the client says. @default none */
  readonly options?: CallOptions | undefined;
  /** May the client set options itself, with the header `x-rotating-fetch-options`? @default false */
  readonly mayChoose?: boolean | undefined;
}

/** Decides who may use the pool; `false` is answered with 401. */
export type AuthorizeFunction = (request: ProxyRequest) => Awaitable<boolean | Admission>;

/** A function, a list of tokens clients send as their API key, or the word that everybody may. */
export type Authorize = AuthorizeFunction | readonly string[] | "public";

/** Shorter tokens can be guessed. */
const shortestToken = 16;

const admitted: Admission = {};

/** Where clients of models put what they take for an API key. */
const credentialHeaders = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/** Google's clients may send what they take for an API key as this parameter. */
export const tokenParameter = "key";

/** @throws InvalidOptionsError when nobody said who may call. */
export function resolveAuthorize(
  value: unknown,
  makeDigest: MakeDigest = digestOf,
): (request: ProxyRequest) => Awaitable<Admission | undefined> {
  if (value === "public") return () => admitted;
  if (typeof value === "function") return byFunction(expectFunction<AuthorizeFunction>("authorize", value));
  if (Array.isArray(value) && value.length > 0)
    return byTokens(
      value.map((token: unknown, place) => [makeDigest(tokenOf(token, place)), admitted]),
      makeDigest,
    );
  const expectation = 'a function, a non-empty list of client tokens, or "public" to let everybody use the keys';
  if (typeof value === "string") throw unexpectedSecret("authorize", expectation, "a text");
  throw unexpected("authorize", expectation, value);
}

function tokenOf(value: unknown, place: number): string {
  const field = `authorize[${place}]`;
  if (typeof value === "string" && value.length < shortestToken) {
    throw unexpectedSecret(field, `a token of at least ${shortestToken} characters`, `one of ${value.length}`);
  }
  if (typeof value !== "string") throw unexpectedSecret(field, "a token", `a value of type ${typeof value}`);
  return expectString(field, value);
}

function byFunction(authorize: AuthorizeFunction): (request: ProxyRequest) => Awaitable<Admission | undefined> {
  const admissionOf = (answer: boolean | Admission): Admission | undefined => {
    if (answer === true) return admitted;
    if (typeof answer !== "object" || answer === null) return undefined;
    try {
      return expectAdmission(answer);
    } catch (error) {
      return failed(error);
    }
  };
  const failed = (cause: unknown): never => {
    if (ProxyError.isInstance(cause)) throw cause;
    throw new ProxyError(500, "authorize_failed", "It could not be found out who may use this proxy.", { cause });
  };
  return (request) => {
    try {
      const answer = authorize(request);
      // Anybody's promise: taken for an answer it would let everybody through.
      return isThenable(answer) ? Promise.resolve(answer).then(admissionOf, failed) : admissionOf(answer);
    } catch (error) {
      return failed(error);
    }
  };
}

/** Whatever else came is a mistake, and nobody is let through by one. */
function expectAdmission(value: unknown): Admission {
  expectKnown("authorize()", value, { options: true, mayChoose: true });
  const { options, mayChoose } = value as Admission;
  if (options !== undefined) expectCallOptions("authorize().options", options);
  if (mayChoose !== undefined) expectBoolean("authorize().mayChoose", mayChoose);
  return value as Admission;
}

function isThenable<T>(answer: Awaitable<T>): answer is Promise<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === "function";
}

function byTokens(
  tokens: readonly (readonly [TokenDigest, Admission])[],
  makeDigest: MakeDigest,
): (request: ProxyRequest) => Admission | undefined {
  return (request) => {
    for (const name of credentialHeaders) {
      const value = request.header(name);
      if (value === null) continue;
      return whoHas(tokenIn(value), tokens, makeDigest);
    }
    const inQuery = keyInQuery(request.url);
    return inQuery === undefined ? undefined : whoHas(inQuery, tokens, makeDigest);
  };
}

function tokenIn(header: string): string {
  const space = header.indexOf(" ");
  return space === -1 ? header : header.slice(space + 1).trim();
}

function keyInQuery(url: string): string | undefined {
  const mark = url.indexOf("?");
  return mark === -1 ? undefined : (new URLSearchParams(url.slice(mark)).get(tokenParameter) ?? undefined);
}
