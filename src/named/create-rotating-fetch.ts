import type { CacheOptions } from "../fetch/cache/cache-options.ts";
import { responseCache } from "../fetch/cache/response-cache.ts";
import { type CacheMaker, isCacheMaker } from "../fetch/call-cache.ts";
import * as objects from "../fetch/create-rotating-fetch.ts";
import { type KeyRotator, makeKeyRotator } from "./key-rotator.ts";
import { type RotatingFetchOptions, type SharedRotatorOptions, withObjects } from "./options.ts";

/** A `fetch` that picks a key for every request. */
export type RotatingFetch = objects.RotatingFetch<KeyRotator>;

/**
 * Turns a list of API keys into one `fetch`.
 *
 * Every call gets a key that may be used now; a refused key cools down and another is tried at once. Give it to any client
 * that takes a `fetch`, with any non-empty string as the client's own key.
 *
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * const fetch = createRotatingFetch({ provider: "openai", keys: process.env.OPENAI_API_KEYS });
 * const openai = new OpenAI({ apiKey: "rotating", fetch });
 */
export function createRotatingFetch(options: RotatingFetchOptions | SharedRotatorOptions): RotatingFetch {
  const found = withObjects(options);
  // What is no object is refused by whoever checks the whole.
  const given = found?.cache === undefined ? found : { ...found, cache: makerOf(found.cache) };
  return objects.makeRotatingFetch(given as never, makeKeyRotator) as RotatingFetch;
}

function makerOf(cache: CacheOptions | CacheMaker): CacheMaker {
  return isCacheMaker(cache) ? cache : responseCache(cache as CacheOptions);
}
