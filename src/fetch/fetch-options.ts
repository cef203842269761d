import type { OnExhausted } from "../attempt/final-answer.ts";
import {
  expectBoolean,
  expectFunction,
  expectKnown,
  expectNumber,
  expectOneOf,
  expectUrl,
  unexpected,
  unexpectedSecret,
} from "../checks.ts";
import { type AllKeysExhaustedError, InvalidOptionsError } from "../errors.ts";
import { type ClassifyHook, expectPolicy, type Policy } from "../judgement/classification-hooks.ts";
import type { Provider } from "../judgement/provider.ts";
import { type CallPort, isPoolOwner, type PoolOwner, portOf } from "../pool/pool-port.ts";
import { type Addressed, knownRotatorOptions, type RotatorOptions, sentTo } from "../pool/rotator-options.ts";
import type { FetchFunction } from "../types.ts";
import { type CacheMaking, isCacheMaker } from "./call-cache.ts";
import { type CallingOptions, knownCallingOptions } from "./calling-options.ts";
import { Endpoints, leadsUp } from "./endpoints.ts";

/** Options of `createRotatingFetch`: keys and how they are used, and how calls are made. */
export interface RotatingFetchOptions extends RotatorOptions, CallingOptions {}

/**
 * The same with a rotator that exists already, to share it between several fetches. What is said of keys, limits and the
 * provider belongs to the rotator.
 */
export interface SharedRotatorOptions extends CallingOptions {
  /** A `KeyRotator`. */
  readonly rotator: PoolOwner;
}

/** Makes the rotator of a fetch that brings its own keys. */
export type MakeRotator = (options: RotatorOptions) => PoolOwner;

export interface ResolvedCallingOptions {
  readonly rotator: PoolOwner;
  readonly pool: CallPort;
  readonly baseURL: URL | undefined;
  readonly endpoints: Endpoints;
  readonly passForeign: boolean;
  readonly fetch: FetchFunction | undefined;
  readonly maxAttempts: number | undefined;
  readonly retries: number;
  readonly retryUnsafe: boolean;
  readonly attemptTimeoutMs: number | undefined;
  readonly totalTimeoutMs: number | undefined;
  readonly idleTimeoutMs: number | undefined;
  readonly commitHoldMs: number;
  readonly trace: boolean;
  readonly maxReplayBytes: number;
  readonly onExhausted: OnExhausted<Response>;
  readonly policy: Policy | undefined;
  readonly classify: ClassifyHook | undefined;
  readonly cache: CacheMaking | undefined;
  readonly affinity: CallingOptions["affinity"];
  readonly estimateTokens: CallingOptions["estimateTokens"];
  readonly includeUsage: boolean;
}

/**
 * Checks the options, fills in the defaults and makes the rotator, once.
 * @throws InvalidOptionsError naming the option.
 */
export function resolveFetchOptions(
  options: RotatingFetchOptions | SharedRotatorOptions,
  makeRotator: MakeRotator,
): ResolvedCallingOptions {
  const shared = typeof options === "object" && options !== null && "rotator" in options;
  const sharedRotator = shared ? expectRotator(options) : undefined;
  const known = shared ? { rotator: true as const } : knownRotatorOptions;
  expectKnown("options", options, { ...known, ...knownCallingOptions });
  const calling = resolveCalling(options);
  const own = resolveOwnOrigins(options);
  const rotator = sharedRotator ?? makeRotator(rotatorPart(options as RotatingFetchOptions, calling.baseURL, own));
  const pool = portOf(rotator);
  const endpoints = resolveEndpoints(own, calling.baseURL, pool);
  const { healthCheck } = options as RotatingFetchOptions;
  if (healthCheck?.path !== undefined) expectReachable(healthCheck.path, endpoints.list, pool.provider);
  return { ...calling, rotator, pool, endpoints };
}

function resolveCalling(options: CallingOptions): Omit<ResolvedCallingOptions, "rotator" | "pool" | "endpoints"> {
  const foreign = options.foreignOrigins;
  return {
    baseURL: options.baseURL === undefined ? undefined : expectUrl("baseURL", options.baseURL),
    passForeign: foreign !== undefined && expectOneOf("foreignOrigins", foreign, ["refuse", "pass"]) === "pass",
    fetch: options.fetch === undefined ? undefined : expectFunction<FetchFunction>("fetch", options.fetch),
    maxAttempts: numberOr(undefined, "maxAttempts", options.maxAttempts, { min: 1, integer: true, finite: true }),
    retries: numberOr(2, "retries", options.retries, { min: 0, integer: true, finite: true }),
    retryUnsafe: options.retryUnsafe === undefined ? false : expectBoolean("retryUnsafe", options.retryUnsafe),
    attemptTimeoutMs: numberOr(undefined, "attemptTimeoutMs", options.attemptTimeoutMs, { above: 0 }),
    totalTimeoutMs: numberOr(undefined, "totalTimeoutMs", options.totalTimeoutMs, { above: 0 }),
    idleTimeoutMs: numberOr(undefined, "idleTimeoutMs", options.idleTimeoutMs, { above: 0 }),
    commitHoldMs: numberOr(10_000, "commitHoldMs", options.commitHoldMs, { min: 0 }),
    trace: options.trace === undefined ? false : expectBoolean("trace", options.trace),
    maxReplayBytes: numberOr(10 * 1024 * 1024, "maxReplayBytes", options.maxReplayBytes, { min: 0 }),
    onExhausted: resolveOnExhausted(options.onExhausted),
    policy: options.policy === undefined ? undefined : expectPolicy("policy", options.policy),
    classify: options.classify === undefined ? undefined : expectFunction<ClassifyHook>("classify", options.classify),
    cache: options.cache === undefined ? undefined : expectCache(options.cache),
    affinity: options.affinity === undefined ? undefined : expectFunction("affinity", options.affinity),
    estimateTokens:
      options.estimateTokens === undefined ? undefined : expectFunction("estimateTokens", options.estimateTokens),
    includeUsage: options.includeUsage === undefined ? false : expectBoolean("includeUsage", options.includeUsage),
  };
}

function numberOr<Default>(
  byDefault: Default,
  field: string,
  value: number | undefined,
  bounds: Parameters<typeof expectNumber>[2],
): number | Default {
  return value === undefined ? byDefault : expectNumber(field, value, bounds);
}

function resolveOnExhausted(value: unknown): OnExhausted<Response> {
  if (value === undefined) return "respond";
  if (value === "respond" || value === "throw") return value;
  if (typeof value === "function") return answering(value as (error: AllKeysExhaustedError) => unknown);
  throw unexpected("onExhausted", '"respond", "throw" or a function', value);
}

/** The user's function, whose answer is looked at: a caller that expects a `Response` would break far from the cause. */
function answering(onExhausted: (error: AllKeysExhaustedError) => unknown): OnExhausted<Response> {
  return async (error) => {
    const answer = await onExhausted(error);
    if (isResponse(answer)) return answer;
    const { field, message } = unexpected("onExhausted()", "a Response or a promise of one", answer);
    throw new InvalidOptionsError(field, message, { cause: error });
  };
}

/** By its shape: there are several classes of that name in some processes. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const { status, headers } = value as Partial<Response>;
  return typeof status === "number" && typeof headers?.get === "function";
}

function expectCache(value: unknown): CacheMaking {
  if (isCacheMaker(value)) return value;
  throw unexpected("cache", "what `responseCache()` makes", value);
}

/** A rotator has its keys already: what is said of keys beside it would be left unheard. */
function expectRotator(options: SharedRotatorOptions): PoolOwner {
  const { rotator } = options;
  if (!isPoolOwner(rotator)) throw unexpected("rotator", "a KeyRotator", rotator);
  const names = Object.keys(knownRotatorOptions);
  const misplaced = names.filter((name) => name in options);
  if (misplaced.length === 0) return rotator;
  throw new InvalidOptionsError(
    misplaced[0] as string,
    `Expected none of the rotator's own options (${names.join(", ")}) beside \`rotator\`; give them to ` +
      `\`new KeyRotator()\`, got ${misplaced.map((name) => `\`${name}\``).join(", ")}`,
  );
}

function rotatorPart(
  options: RotatingFetchOptions,
  baseURL: URL | undefined,
  own: readonly string[],
): RotatorOptions & Addressed {
  const part = Object.entries(options).filter(([name]) => name in knownRotatorOptions);
  // A key store holds the keys of one address.
  const address = { url: baseURL, base: baseURL?.origin, own };
  return { keys: options.keys, ...Object.fromEntries(part), [sentTo]: address };
}

/** Those the options name. */
function resolveOwnOrigins({ origins }: CallingOptions): readonly string[] {
  if (origins === undefined) return [];
  if (!Array.isArray(origins)) throw unexpected("origins", "a list of origins", origins);
  return origins.map((origin, place) => expectOrigin(`origins[${place}]`, origin));
}

function resolveEndpoints(own: readonly string[], baseURL: URL | undefined, pool: CallPort): Endpoints {
  const { provider, keyEndpoints: keys } = pool;
  const origins = new Set(
    baseURL === undefined ? provider.origins.map((origin) => new URL(origin).origin) : [baseURL.origin],
  );
  for (const origin of own) origins.add(origin);
  if (origins.size === 0 && (!keys.hasOwnEndpoints || keys.withoutEndpoint !== undefined)) throw noOrigin(provider);
  const home = baseURL ?? (provider.baseURL === undefined ? undefined : new URL(provider.baseURL));
  return new Endpoints({ keys, origins: [...origins], home });
}

/** Keys go to all of an origin: a path would promise what is not kept. */
function expectOrigin(field: string, value: unknown): string {
  const { origin, pathname, search, hash } = expectUrl(field, value);
  if (pathname === "/" && search === "" && hash === "") return origin;
  const came = "one with more behind it; every path of an origin is allowed, and `baseURL` takes one";
  throw unexpectedSecret(field, `an origin only, such as \`${origin}\``, came);
}

/** A health check that no key may be sent to would fail round by round, unseen. */
function expectReachable(path: string, origins: readonly string[], { origins: home, probe }: Provider): void {
  if (leadsUp(path) && path !== probe?.path) {
    throw unexpectedSecret("healthCheck.path", "a path below the base URL", "one that leads out of it");
  }
  if (!/^https?:/i.test(path)) return;
  const { origin } = expectUrl("healthCheck.path", path);
  if (origins.includes(origin)) return;
  const isOwn = (one: string): boolean => new URL(one).origin === origin;
  // Some presets have their probe on another origin of the same provider.
  if (home.some(isOwn) && home.some((one) => origins.includes(new URL(one).origin))) return;
  const allowed = `below the base URL or on an origin keys may be sent to (${origins.join(", ")})`;
  throw unexpectedSecret("healthCheck.path", `a path ${allowed}`, `one on ${origin}`);
}

function noOrigin(provider: Provider): Error {
  return unexpected(
    "baseURL",
    `given for provider "${provider.name}", whose origin is not known; keys are sent nowhere else. ` +
      'Pass `baseURL: "https://api.example.com/v1"` or `origins: ["https://api.example.com"]`',
    undefined,
  );
}
