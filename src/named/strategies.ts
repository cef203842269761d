import { expectOneOf } from "../checks.ts";
import { fillFirst } from "../pool/strategies/fill-first.ts";
import { leastBusy } from "../pool/strategies/least-busy.ts";
import { leastUsed } from "../pool/strategies/least-used.ts";
import { lowestLatency } from "../pool/strategies/lowest-latency.ts";
import { random } from "../pool/strategies/random.ts";
import { roundRobin } from "../pool/strategies/round-robin.ts";
import type { OrderingStrategy, Strategy } from "../pool/strategies/strategy.ts";
import { weighted } from "../pool/strategies/weighted.ts";

/** Every strategy by its name. */
const strategies = {
  round_robin: roundRobin,
  random,
  weighted,
  least_used: leastUsed,
  fill_first: fillFirst,
  least_busy: leastBusy,
  lowest_latency: lowestLatency,
} as const satisfies Readonly<Record<string, OrderingStrategy>>;

/** The name of a way to choose keys. */
export type StrategyName = keyof typeof strategies;

/**
 * What is an object already, or nothing, is left to whoever takes objects.
 * @throws InvalidOptionsError with the list of known names.
 */
export function strategyOf(value: StrategyName | Strategy | undefined): Strategy | undefined {
  if (value === undefined || (typeof value === "object" && value !== null)) return value;
  return strategies[expectOneOf("strategy", value, Object.keys(strategies)) as StrategyName];
}
