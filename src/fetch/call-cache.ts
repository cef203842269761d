import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { Clock } from "../types.ts";
import type { FetchCall } from "./fetch-call.ts";

/** What an operator sees of a response cache, and can do to it. */
export interface ResponseCache {
  /** Answers kept now. */
  readonly size: number;
  /** Bytes they take. */
  readonly bytes: number;
  /** Calls that were answered without a request of their own, since the start. */
  readonly hits: number;
  /** Calls with a cache key that needed a request of their own, since the start. */
  readonly misses: number;
  /** Forgets every answer; those on their way still reach their callers and are not kept. The counts stay. */
  clear(): void;
}

/** The same as a fetch has it: calls go through it. */
export interface CallCache extends ResponseCache {
  run(call: FetchCall): Promise<Response>;
}

/** What a cache needs of the fetch that it is made for. */
export interface CachedFetch {
  readonly send: (call: FetchCall) => Promise<Response>;
  /** Was this answer made here, and is no provider's? */
  readonly isMade: (response: Response) => boolean;
  /** Told of a call that was answered from here. */
  readonly hit: (call: FetchCall, response: Response) => void;
  readonly providers: () => readonly ProviderReading[];
  readonly clock: Clock;
  readonly totalTimeoutMs: number | undefined;
  /** The key function failed. */
  readonly failed: (error: unknown) => void;
}

/** Under it stands what makes the cache of a fetch: a name that every copy of this package knows. */
export const makeCache = Symbol.for("rotating-fetch.cache");

/** Made by `responseCache()`: each fetch that is given it has a cache of its own. */
export interface CacheMaker {
  readonly [makeCache]: unknown;
}

export interface CacheMaking {
  readonly [makeCache]: (fetch: CachedFetch) => CallCache;
}

export function isCacheMaker(value: unknown): value is CacheMaking {
  return typeof value === "object" && value !== null && makeCache in value;
}
