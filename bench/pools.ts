import { systemClock } from "../src/clock.ts";
import { readingOf } from "../src/judgement/provider-reading.ts";
import { providerNamed } from "../src/named/presets.ts";
import { strategyOf } from "../src/named/strategies.ts";
import type { KeyConfig } from "../src/pool/keys/key-config.ts";
import type { KeyPool } from "../src/pool/keys/key-pool.ts";
import { KeyRegistry } from "../src/pool/keys/key-registry.ts";
import { availability } from "../src/pool/ready/availability.ts";
import { ReadySet } from "../src/pool/ready/ready-set.ts";
import { resolveStrategy } from "../src/pool/strategies/resolve-strategy.ts";
import type { Clock } from "../src/types.ts";
import { makeKeys, type StrategyName } from "./library.ts";
import { shuffled } from "./measure.ts";

export const sizes = [3, 100, 10_000, 100_000] as const;
export const sizeName = (size: number): string => (size >= 1000 ? `${size / 1000}k` : String(size));
export const coolingShares = [0, 0.5, 0.99] as const;
export const strategies: readonly StrategyName[] = [
  "round_robin",
  "random",
  "weighted",
  "least_used",
  "fill_first",
  "least_busy",
  "lowest_latency",
];

const generic = readingOf(providerNamed("generic"));
const terms = { ownProvider: generic, readProvider: () => undefined, limitsOf: () => [] };

/** Keys with ids of their own, so that no time goes into fingerprints, and with mixed weights. */
export function makeConfigs(count: number): KeyConfig[] {
  return makeKeys(count).map((secret, place) => ({ secret, id: `key-${place}`, weight: 1 + (place % 5) }));
}

/** The same, two an account; written out, as configuration is. */
export function makeSharedConfigs(count: number): KeyConfig[] {
  return makeKeys(count).map((secret, place) => ({
    secret,
    id: `key-${place}`,
    weight: 1 + (place % 5),
    account: `account-${place >> 1}`,
  }));
}

export function makePool(configs: readonly KeyConfig[], clock: Clock): KeyPool {
  const registry = new KeyRegistry({
    keys: configs,
    clock,
    idSecret: undefined,
    terms,
  });
  registry.open();
  return registry.pool;
}

export function makeReadySet(pool: KeyPool, strategy: StrategyName, clock: Clock = systemClock): ReadySet {
  const ordering = resolveStrategy(strategyOf(strategy), (error) => {
    throw error;
  });
  return new ReadySet(pool, ordering, { groups: pool, clock, random: Math.random });
}

/** Which of `count` keys cool: a random share of them, at least one stays. */
export function coolingPlaces(count: number, share: number): number[] {
  const places = shuffled(Array.from({ length: count }, (_, place) => place));
  return places.slice(0, Math.min(count - 1, Math.round(count * share)));
}

/** Parks a share of the ready set's groups until `until` of the ready set's clock. */
export function parkShare(readySet: ReadySet, count: number, share: number, until: number): void {
  for (const slot of coolingPlaces(count, share)) readySet.park(slot, until, availability.limited);
}
