import type { OnExhausted } from "../attempt/final-answer.ts";
import type { ClassifyHook, Policy } from "../judgement/classification-hooks.ts";
import type { FetchFunction, TokenEstimate } from "../types.ts";
import type { CacheMaker } from "./call-cache.ts";
import type { CallFacts } from "./call-facts.ts";

/** How calls are made, beside which keys they are made with. */
export interface CallingOptions {
  /**
   * Base URL of the API; its origin is one that keys are sent to. @default the provider's origins
   */
  readonly baseURL?: string | URL | undefined;
  /** Further origins keys may be sent to, without a path. @default none */
  readonly origins?: readonly string[] | undefined;
  /** What happens to a call with a credential that goes to any other origin: `"pass"` sends it as it is. @default "refuse" */
  readonly foreignOrigins?: "refuse" | "pass" | undefined;
  /** What sends. @default globalThis.fetch, looked up for every call */
  readonly fetch?: FetchFunction | undefined;
  /** How many attempts one call may make, an integer of at least 1. @default as many as there are accounts, at least 16, at most 64 */
  readonly maxAttempts?: number | undefined;
  /** How often a call is repeated on the same key when the provider is in trouble, an integer. @default 2 */
  readonly retries?: number | undefined;
  /** Repeat also what may have been executed already. @default false */
  readonly retryUnsafe?: boolean | undefined;
  /** Milliseconds one attempt may take to response headers. @default no bound */
  readonly attemptTimeoutMs?: number | undefined;
  /** Milliseconds the whole call may take to response headers, waits and repeats included. @default no bound */
  readonly totalTimeoutMs?: number | undefined;
  /**
   * Milliseconds the body of an answer may send nothing while somebody reads it; then it breaks with a `TimeoutError`.
   * @default no bound but the transport's own (Node's fetch: 300 s)
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How long the beginning of a stream is kept back until its first content event, so that an error before it can still be
   * answered with another key, milliseconds; 0 hands everything on at once. Only for presets that are known to put errors
   * into answers with status 200, and at most 8 events or 64 KiB.
   * @default 10000
   */
  readonly commitHoldMs?: number | undefined;
  /**
   * Has every answer tell in the header `x-rotating-fetch-trace` which keys were tried, by their numbers in the pool, with
   * outcome and milliseconds. @default false
   */
  readonly trace?: boolean | undefined;
  /**
   * Streams up to this size are kept to be sent again, with a longer one the call gets one attempt; forms up to this size are
   * written out once, so that every try sends the same bytes. Bytes. @default 10485760
   */
  readonly maxReplayBytes?: number | undefined;
  /**
   * When no key can serve in time: `"respond"` with the provider's own last refusal or one like it, `"throw"` an
   * `AllKeysExhaustedError`, or the `Response` a function makes of that error. When it returns anything else, the call
   * rejects with an `InvalidOptionsError`.
   * @default "respond"
   */
  readonly onExhausted?: OnExhausted<Response> | undefined;
  /** What to do about answers of a status or kind, in a word; a status goes before a kind. @default what the classification says */
  readonly policy?: Policy | undefined;
  /**
   * Overrules the classification of a refused or failed attempt; asked after `policy`. Synchronous. When it throws or answers
   * what cannot be, the classification stays and the event `internal-error` tells.
   * @default none
   */
  readonly classify?: ClassifyHook | undefined;
  /**
   * Which conversation a call belongs to: calls with the same text are kept on one account while it can serve them, so that
   * what the provider cached of a prompt stays of use. `with({ affinity })` goes before it. @default none
   */
  readonly affinity?: ((request: CallFacts) => string | undefined) | undefined;
  /**
   * How many tokens a call may use, where a limit counts tokens; a number stands for all of them.
   * @default a quarter of the body's characters going in; coming out what the request allows, at most 2000
   */
  readonly estimateTokens?: ((request: CallFacts) => number | TokenEstimate) | undefined;
  /**
   * Has streams say what they used where the provider's own default is not to (`stream_options.include_usage`), if a limit
   * counts tokens. Such a stream ends with one more chunk, whose `choices` are empty. @default false
   */
  readonly includeUsage?: boolean | undefined;
  /** Gives complete answers again to requests that are the same by a key of yours: `responseCache()`. @default none is kept */
  readonly cache?: CacheMaker | undefined;
}

export const knownCallingOptions: { readonly [name in keyof Required<CallingOptions>]: true } = {
  baseURL: true,
  origins: true,
  foreignOrigins: true,
  fetch: true,
  maxAttempts: true,
  retries: true,
  retryUnsafe: true,
  attemptTimeoutMs: true,
  totalTimeoutMs: true,
  idleTimeoutMs: true,
  commitHoldMs: true,
  trace: true,
  maxReplayBytes: true,
  onExhausted: true,
  policy: true,
  classify: true,
  cache: true,
  affinity: true,
  estimateTokens: true,
  includeUsage: true,
};
