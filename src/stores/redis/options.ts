import { InvalidOptionsError } from "../../errors.ts";
import type { Clock, Random } from "../../types.ts";
import type { RedisClient } from "./client.ts";

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
  /** Jitters cooldown ladders. @default Math.random */
  readonly random?: Random | undefined;
}

/** @throws InvalidOptionsError naming the option that cannot work. */
export function checkOptions({ pool, prefix, commandTimeoutMs, insurance }: RedisStoreOptions): void {
  expectName("pool", pool);
  if (prefix !== undefined) expectName("prefix", prefix);
  if (commandTimeoutMs !== undefined) expectNumber("commandTimeoutMs", commandTimeoutMs);
  if (insurance === undefined || insurance === "closed") return;
  if (typeof insurance !== "object" || insurance === null) {
    throw unexpected("insurance", 'an object or "closed"', insurance);
  }
  if (insurance.expectedInstances !== undefined) {
    expectNumber("insurance.expectedInstances", insurance.expectedInstances);
  }
}

/** Braces would end the hash tag that keeps a pool's keys together. */
function expectName(field: string, value: unknown): void {
  if (typeof value === "string" && value !== "" && !/[{}]/.test(value)) return;
  throw unexpected(field, "a text without braces", value);
}

function expectNumber(field: string, value: unknown): void {
  if (typeof value === "number" && value >= 1 && Number.isFinite(value)) return;
  throw unexpected(field, "a number >= 1", value);
}

function unexpected(field: string, expectation: string, value: unknown): InvalidOptionsError {
  const came = `\`${String(value)}\` (${value === null ? "null" : typeof value})`;
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${came}`);
}
