import { expectFunction, expectKnown, expectNumber, unexpected } from "../../checks.ts";
import type { Clock, Random } from "../../types.ts";
import type { RedisClient } from "./wire/client.ts";
import { checkClientOptions, expectNoClient } from "./wire/client-options.ts";

/** How requests are served while the server cannot be asked. */
export interface Insurance {
  /** How many processes share the pool, as long as the server has never told. @default 4 */
  readonly expectedInstances?: number | undefined;
}

/** Whether what is counted is shared at the moment. */
export type SharingState = "shared" | "alone";

export interface RedisStoreOptions {
  /** An ioredis or node-redis client (single, Cluster, Sentinel), or a function that sends one command. It stays the caller's to close. */
  readonly client: RedisClient;
  /** Names what is shared: the same for all processes that use the same keys with the same limits. */
  readonly pool: string;
  /** In front of every Redis key. @default "rf" */
  readonly prefix?: string | undefined;
  /** How long an answer is waited for before this process decides alone, milliseconds. @default 50 */
  readonly commandTimeoutMs?: number | undefined;
  /** With `"closed"` nothing is given out while the server cannot be asked. @default { expectedInstances: 4 } */
  readonly insurance?: Insurance | "closed" | undefined;
  /** Told when the server is lost, with what went wrong, and when it is back. */
  readonly onState?: ((state: SharingState, cause?: unknown) => void) | undefined;
  /** For timers and for time without the server. @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Jitters backoff schedules. @default Math.random */
  readonly random?: Random | undefined;
}

const known: { readonly [name in keyof Required<RedisStoreOptions>]: true } = {
  client: true,
  pool: true,
  prefix: true,
  commandTimeoutMs: true,
  insurance: true,
  onState: true,
  clock: true,
  random: true,
};

/** @throws InvalidOptionsError naming the option that cannot work. */
export function checkStoreOptions(options: RedisStoreOptions): void {
  expectNoClient(options);
  expectKnown("options", options, known);
  checkClientOptions(options);
  const { insurance, onState } = options;
  if (onState !== undefined) expectFunction("onState", onState);
  if (insurance === undefined || insurance === "closed") return;
  if (typeof insurance !== "object" || insurance === null) {
    throw unexpected("insurance", 'an object or "closed"', insurance);
  }
  expectKnown("insurance", insurance, { expectedInstances: true });
  const { expectedInstances } = insurance;
  if (expectedInstances === undefined) return;
  expectNumber("insurance.expectedInstances", expectedInstances, { min: 1, integer: true, finite: true });
}
