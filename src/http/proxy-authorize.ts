import type { CallOptions } from "../attempt/call.ts";
import { expectFunction, expectString, unexpected, unexpectedSecret } from "../core/expectations.ts";
import type { Awaitable } from "../types.ts";
import { digestOf, type TokenDigest, whoHas } from "./constant-time.ts";

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

/** @throws InvalidOptionsError when nobody said who may call. */
export function resolveAuthorize(value: unknown): (request: ProxyRequest) => Awaitable<Admission | undefined> {
  if (value === "public") return () => admitted;
  if (typeof value === "function") return byFunction(expectFunction<AuthorizeFunction>("authorize", value));
  if (Array.isArray(value) && value.length > 0)
    return byTokens(value.map((token: unknown, place) => [tokenOf(token, place), admitted]));
  const expectation = 'a function, a non-empty list of client tokens, or "public" to let everybody use the keys';
  if (typeof value === "string") throw unexpectedSecret("authorize", expectation, "a text");
  throw unexpected("authorize", expectation, value);
}

function tokenOf(value: unknown, place: number): TokenDigest {
  const field = `authorize[${place}]`;
  if (typeof value === "string" && value.length < shortestToken) {
    throw unexpectedSecret(field, `a token of at least ${shortestToken} characters`, `one of ${value.length}`);
  }
  if (typeof value !== "string") throw unexpectedSecret(field, "a token", `a value of type ${typeof value}`);
  return digestOf(expectString(field, value));
}

function byFunction(authorize: AuthorizeFunction): (request: ProxyRequest) => Awaitable<Admission | undefined> {
  const admissionOf = (answer: boolean | Admission): Admission | undefined => {
    if (answer === true) return admitted;
    return typeof answer === "object" && answer !== null ? answer : undefined;
  };
  return (request) => {
    const answer = authorize(request);
    return answer instanceof Promise ? answer.then(admissionOf) : admissionOf(answer as boolean | Admission);
  };
}

function byTokens(
  tokens: readonly (readonly [TokenDigest, Admission])[],
): (request: ProxyRequest) => Admission | undefined {
  return (request) => {
    for (const name of credentialHeaders) {
      const value = request.header(name);
      if (value === null) continue;
      return whoHas(tokenIn(value), tokens);
    }
    const inQuery = keyInQuery(request.url);
    return inQuery === undefined ? undefined : whoHas(inQuery, tokens);
  };
}

function tokenIn(header: string): string {
  const space = header.indexOf(" ");
  return space === -1 ? header : header.slice(space + 1).trim();
}

/** Google's clients may send their key as a parameter. */
function keyInQuery(url: string): string | undefined {
  const mark = url.indexOf("?");
  return mark === -1 ? undefined : (new URLSearchParams(url.slice(mark)).get("key") ?? undefined);
}
