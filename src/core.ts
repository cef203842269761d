import { unexpected } from "./checks.ts";
import type { CallingOptions } from "./fetch/calling-options.ts";
import * as fetch from "./fetch/create-rotating-fetch.ts";
import { PoolRotator } from "./operate/pool-rotator.ts";
import type { PoolOwner } from "./pool/pool-port.ts";
import type * as pool from "./pool/rotator-options.ts";

export {
  AllKeysExhaustedError,
  ForeignOriginError,
  InvalidOptionsError,
  KeySourceError,
  RotatingFetchError,
  RotatorClosedError,
} from "./errors.ts";
export { defineProvider, type ProviderDefinition } from "./judgement/define-provider.ts";
export { ErrorClassifier, type ErrorClassifierOptions } from "./judgement/error-classifier.ts";
export type { AnswerClassifier, ClassifierInput, Provider } from "./judgement/provider.ts";
export { MemoryStore } from "./limits/memory/memory-store.ts";
export type { Store } from "./limits/store.ts";
export type { KeyConfig, KeyCredential, KeyList, KeySource } from "./pool/keys/key-config.ts";
export { Lease } from "./pool/lease.ts";
export type { AcquireRequest } from "./pool/rotator-options.ts";
export type { ChoosingStrategy, OrderingStrategy, Strategy } from "./pool/strategies/strategy.ts";
export type { TokenEstimate } from "./types.ts";

/** Options of a rotator over objects. What operators do is in `rotating-fetch/operate`. */
export interface RotatorOptions extends Omit<pool.RotatorOptions, "keyStore" | "healthCheck"> {}

/** Options of a fetch over objects: keys and how they are used, and how calls are made. */
export interface RotatingFetchOptions extends RotatorOptions, CallingOptions {}

/** The same with a rotator that exists already. What is said of keys, limits and the provider belongs to the rotator. */
export interface SharedRotatorOptions extends CallingOptions {
  /** A `KeyRotator`. */
  readonly rotator: PoolOwner;
}

/** A `fetch` that picks a key for every request. */
export type RotatingFetch = fetch.RotatingFetch<KeyRotator>;

/**
 * Picks keys, keeps each inside its limits, and lets refused ones cool down. Knows nothing of HTTP: `acquire` gives a lease,
 * whoever sends the request settles it with the classification of the answer.
 *
 * @example
 * const rotator = new KeyRotator({ keys: process.env.API_KEYS, strategy: weighted });
 * const lease = await rotator.acquire();
 * lease.settle({ outcome: "success" });
 */
export class KeyRotator extends PoolRotator {
  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    super(withoutOperators(options));
  }
}

/**
 * Turns a list of API keys into one `fetch`, as `createRotatingFetch` of `rotating-fetch` does, over objects: nothing comes along
 * that is not passed in.
 *
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * import { createRotatingFetch } from "rotating-fetch/core";
 * import { openai } from "rotating-fetch/providers";
 * import { weighted } from "rotating-fetch/strategies";
 *
 * const fetch = createRotatingFetch({ provider: openai, strategy: weighted, keys: process.env.OPENAI_API_KEYS });
 */
export function createRotatingFetch(options: RotatingFetchOptions | SharedRotatorOptions): RotatingFetch {
  return fetch.makeRotatingFetch(options, (own) => new KeyRotator(own)) as RotatingFetch;
}

/** It would be left unheard. */
function withoutOperators(options: RotatorOptions): RotatorOptions {
  const { keyStore, healthCheck } = (options ?? {}) as Partial<pool.RotatorOptions>;
  const elsewhere = (call: string): string => `absent here; call \`${call}\` of \`rotating-fetch/operate\``;
  if (keyStore !== undefined) throw unexpected("keyStore", elsewhere("manageKeys(rotator, { keyStore })"), keyStore);
  if (healthCheck !== undefined) throw unexpected("healthCheck", elsewhere("watchHealth()"), healthCheck);
  return options;
}
