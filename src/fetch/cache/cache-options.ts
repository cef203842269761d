import { expectFunction, expectKnown, expectNumber } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { Awaitable } from "../../types.ts";
import type { CallFacts } from "../call-facts.ts";

/** A request as the `key` function of a response cache sees it. */
export interface CacheRequest extends CallFacts {
  /** `"GET"` or `"POST"`: requests of other methods are never cached. */
  readonly method: string;
  /** `undefined`: the request has none. One that cannot be read as text is never cached. */
  readonly body: string | undefined;
}

/** Answers that are kept to be given again. */
export interface CacheOptions {
  /**
   * Names what is asked: requests with the same text get the same answer. No text (`undefined` or `""`) leaves the request
   * uncached. When it throws, the call goes on uncached and the event `internal-error` tells.
   */
  readonly key: (request: CacheRequest) => Awaitable<string | undefined>;
  /** Milliseconds an answer is given again after it came, an integer of at least 1. */
  readonly ttlMs: number;
  /** Bytes of all answers together; the one unused for longest goes first. At least 1. @default 52428800 */
  readonly maxBytes?: number | undefined;
  /** Bytes the body of one answer may have, at least 1 and at most `maxBytes`; a longer one is not kept. @default 1048576 */
  readonly maxEntryBytes?: number | undefined;
}

export interface ResolvedCacheOptions {
  readonly key: CacheOptions["key"];
  readonly ttlMs: number;
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
}

const knownCacheOptions: { readonly [name in keyof Required<CacheOptions>]: true } = {
  key: true,
  ttlMs: true,
  maxBytes: true,
  maxEntryBytes: true,
};

/** @throws InvalidOptionsError naming the option. */
export function resolveCacheOptions(options: CacheOptions): ResolvedCacheOptions {
  expectKnown("cache", options, knownCacheOptions);
  const { maxBytes = 50 * 1024 * 1024, maxEntryBytes } = options;
  const key = expectFunction<CacheOptions["key"]>("cache.key", options.key);
  const ttlMs = expectNumber("cache.ttlMs", options.ttlMs, { min: 1, integer: true });
  expectNumber("cache.maxBytes", maxBytes, { min: 1, integer: true });
  if (maxEntryBytes === undefined) return { key, ttlMs, maxBytes, maxEntryBytes: Math.min(1024 * 1024, maxBytes) };
  expectNumber("cache.maxEntryBytes", maxEntryBytes, { min: 1, integer: true });
  if (maxEntryBytes > maxBytes) {
    throw new InvalidOptionsError(
      "cache.maxEntryBytes",
      `Expected \`cache.maxEntryBytes\` to be at most \`cache.maxBytes\` (${maxBytes}), got \`${maxEntryBytes}\` (number)`,
    );
  }
  return { key, ttlMs, maxBytes, maxEntryBytes };
}
