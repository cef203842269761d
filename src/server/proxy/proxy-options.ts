import { expectHeaders, expectNumber, expectString, expectUrl, unexpected, unexpectedSecret } from "../../checks.ts";
import type { CallingOptions } from "../../fetch/calling-options.ts";
import {
  type MakeRotator,
  type ResolvedCallingOptions,
  type RotatingFetchOptions,
  resolveFetchOptions,
  type SharedRotatorOptions,
} from "../../fetch/fetch-options.ts";
import { resolveProvider } from "../../judgement/resolve-provider.ts";
import type { KeyConfig } from "../../pool/keys/key-config.ts";
import { isPoolOwner, type PoolOwner, portOf } from "../../pool/pool-port.ts";
import type { RotatorOptions } from "../../pool/rotator-options.ts";
import type { Awaitable } from "../../types.ts";
import type { MakeDigest } from "../constant-time.ts";
import { type Admission, type Authorize, type ProxyRequest, resolveAuthorize } from "./proxy-authorize.ts";
import { confinedPath } from "./proxy-path.ts";

/** What a proxy needs to know beside the pool it uses. */
export interface ProxyingOptions {
  /**
   * Base URL that requests are sent below: the path of a request, without `basePath`, is put behind its path.
   * @default the base URL of the `provider`; none is needed where each key has an endpoint of its own
   */
  readonly target?: string | URL | undefined;
  /**
   * Who may use the pool's keys: a function, a list of tokens that clients send in place of an API key, or `"public"` for everybody
   * who reaches the server. There is no default.
   */
  readonly authorize: Authorize;
  /** Taken off the front of paths, such as `/llm`. Requests outside of it are answered with 404. @default none */
  readonly basePath?: string | undefined;
  /**
   * Paths that may be asked for, without the prefix, written as in a request: percent-encoded, and without a query. `*` stands
   * for anything. @default all
   */
  readonly allowedPaths?: readonly string[] | undefined;
  /** Longer request bodies are answered with 413. Bytes. @default 10485760 */
  readonly maxBodyBytes?: number | undefined;
  /** Headers that every request to the provider gets, such as `HTTP-Referer`. @default none */
  readonly headers?: Readonly<Record<string, string>> | Headers | undefined;
}

/** Those of a call that a proxy has, too. */
export type ProxiedCallOptions = Omit<
  CallingOptions,
  "baseURL" | "origins" | "foreignOrigins" | "cache" | "maxReplayBytes"
>;

/** Options of a proxy: who may use it and where it leads, and those of a pool or a `rotator`. */
export type ProxyOptions = ProxyingOptions &
  ProxiedCallOptions &
  (RotatorOptions | Pick<SharedRotatorOptions, "rotator">);

export interface ResolvedProxyOptions {
  readonly calling: ResolvedCallingOptions;
  readonly target: URL;
  readonly authorize: (request: ProxyRequest) => Awaitable<Admission | undefined>;
  /** Is it known by a token who may call? Then that goes no further, wherever it stands. */
  readonly takesTokens: boolean;
  readonly basePath: string;
  readonly allowedPaths: readonly string[] | undefined;
  readonly maxBodyBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

const foreign = ["baseURL", "origins", "foreignOrigins", "cache", "maxReplayBytes"] as const;

/** @throws InvalidOptionsError naming the option. */
export function resolveProxyOptions(
  options: ProxyOptions,
  makeRotator: MakeRotator,
  makeDigest?: MakeDigest,
): ResolvedProxyOptions {
  if (typeof options !== "object" || options === null) throw unexpected("options", "an object", options);
  for (const name of foreign) {
    if (name in options) throw unexpected(name, "absent: a proxy has its `target`", (options as never)[name]);
  }
  const { target, authorize, basePath, allowedPaths, maxBodyBytes = 10_485_760, headers, ...rest } = options;
  const given = targetOf(target, rest);
  const bytes = expectNumber("maxBodyBytes", maxBodyBytes, { min: 0, integer: true });
  const calling = resolveFetchOptions(
    { ...(rest as RotatingFetchOptions), ...(given && { baseURL: given }), maxReplayBytes: bytes },
    makeRotator,
  );
  return {
    authorize: resolveAuthorize(authorize, makeDigest),
    takesTokens: Array.isArray(authorize),
    // Where each key has an endpoint of its own, paths are put behind that.
    target: given ?? (calling.pool.keyEndpoints.endpoints[0] as URL),
    basePath: basePath === undefined ? "" : expectPrefix(basePath),
    allowedPaths: allowedPaths === undefined ? undefined : expectPaths(allowedPaths),
    maxBodyBytes: bytes,
    headers: headers === undefined ? {} : withLowerCaseNames(expectOwnHeaders(headers)),
    calling,
  };
}

/** `undefined`: each key has an endpoint of its own. */
function targetOf(target: unknown, rest: object): URL | undefined {
  if (target !== undefined) {
    const url = expectUrl("target", target);
    if (url.search === "" && url.hash === "") return url;
    throw unexpected("target", "without a query; a key's `query` adds parameters", url.origin + url.pathname);
  }
  const { rotator, provider, keys } = rest as {
    rotator?: { provider?: unknown };
    provider?: unknown;
    keys?: unknown;
  };
  const asked = rotator?.provider ?? provider;
  const { baseURL } = asked === undefined ? {} : resolveProvider(asked as never);
  if (baseURL !== undefined) return new URL(baseURL);
  if (isPoolOwner(rotator) ? eachHasEndpoint(rotator) : eachNamesOne(keys)) return undefined;
  throw unexpected("target", "given: the base URL requests are sent below", target);
}

function eachHasEndpoint(rotator: PoolOwner): boolean {
  const { hasOwnEndpoints, withoutEndpoint } = portOf(rotator).keyEndpoints;
  return hasOwnEndpoints && withoutEndpoint === undefined;
}

/** Does each key of a list say where it goes? Whether it can be so is looked at with the rest of it. */
function eachNamesOne(keys: unknown): boolean {
  const names = (key: Partial<KeyConfig<string>> | null): boolean => (key?.baseURL ?? key?.provider) !== undefined;
  return Array.isArray(keys) && keys.length > 0 && keys.every(names);
}

function expectPrefix(value: unknown): string {
  const prefix = expectString("basePath", value);
  if (/^(?:\/[^/?#\s]+)+\/?$/.test(prefix)) return prefix.replace(/\/$/, "");
  throw unexpected("basePath", "a path such as `/llm`", value);
}

function expectPaths(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) throw unexpected("allowedPaths", "a non-empty list of paths", value);
  return value.map((path: unknown, place) => {
    const field = `allowedPaths[${place}]`;
    if (typeof path !== "string" || !path.startsWith("/")) {
      throw unexpected(field, "a path that begins with a slash, such as `/v1/*`", path);
    }
    const obstacle = obstacleIn(path);
    if (obstacle === undefined) return path;
    throw unexpectedSecret(field, "a path that a request can have, such as `/v1/*`", `one ${obstacle}`);
  });
}

/** Why no request ever comes with such a path; `undefined`: one may. */
function obstacleIn(pattern: string): string | undefined {
  if (/[?#]/.test(pattern)) return "with a query or a fragment, which are not compared";
  if (!/^[\x21-\x7e]+$/.test(pattern)) return "with characters that clients percent-encode";
  const example = pattern.replaceAll("*", "a");
  return confinedPath(example) === example ? undefined : "that leads elsewhere, or begins with two slashes";
}

/** The credential is the pool's to place. */
function expectOwnHeaders(value: unknown): Readonly<Record<string, string>> {
  const { entries } = (value ?? {}) as Partial<Headers>;
  // A `Headers` of any class has no fields of its own: it would seem to be empty.
  const isList = typeof entries === "function" && !Array.isArray(value);
  const headers = expectHeaders("headers", isList ? Object.fromEntries(entries.call(value)) : value);
  for (const name of Object.keys(headers)) {
    if (
      ["authorization", "x-api-key", "api-key", "x-goog-api-key", "host", "content-length"].includes(name.toLowerCase())
    ) {
      throw unexpected("headers", `without \`${name}\`, which is written for every request`, Object.keys(headers));
    }
  }
  return headers;
}

function withLowerCaseNames(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
