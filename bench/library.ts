import { randomBytes } from "node:crypto";
import type * as Library from "../src/index.ts";
import type * as Testing from "../src/testing/index.ts";

export type { KeyRotator, Limit, ProviderName, RotatingFetch, StrategyName } from "../src/index.ts";

// Loaded by address: types must be checkable before anything is built.
const built = (file: string): string => new URL(`../dist/${file}`, import.meta.url).href;

/** The library as it is published. */
export const library = (await import(built("index.js"))) as typeof Library;

/** The published testing entry. */
export const loadTesting = async (): Promise<typeof Testing> => (await import(built("testing.js"))) as typeof Testing;

/** Made-up keys, new in every run. */
export function makeKeys(count: number): string[] {
  const run = randomBytes(8).toString("hex");
  return Array.from({ length: count }, (_, place) => `test-${run}-${place}`);
}

/** A rolling and a calendar limit that never run dry. */
export const twoLimits: readonly Library.Limit[] = [
  { requests: 1e9, per: "minute" },
  { requests: 1e9, per: "day", window: "calendar", timeZone: "UTC" },
];
