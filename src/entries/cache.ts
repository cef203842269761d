export type { CacheOptions, CacheRequest } from "../fetch/cache/cache-options.ts";
export { responseCache } from "../fetch/cache/response-cache.ts";
export type { CacheMaker, ResponseCache } from "../fetch/call-cache.ts";
