import type { createRotatingFetch } from "../../../src/index.ts";
import type { RedisStore } from "../../../src/stores/redis/index.ts";

/** What tests use of a version of the package. */
export interface Version {
  readonly createRotatingFetch: typeof createRotatingFetch;
  readonly RedisStore: typeof RedisStore;
}

/** Version 0.1.0, which keeps its records in the format before today's. */
export const previousVersion: string = new URL("../fixtures/rotating-fetch-0.1.0.mjs", import.meta.url).href;
