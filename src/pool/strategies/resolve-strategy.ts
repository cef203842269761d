import { unexpected } from "../../checks.ts";
import { fromChoice } from "./choosing.ts";
import { roundRobin } from "./round-robin.ts";
import type { ChoosingStrategy, OrderingStrategy } from "./strategy.ts";

/**
 * @param onFailure told when a strategy of the user's own throws
 * @throws InvalidOptionsError for what is no strategy.
 */
export function resolveStrategy(value: unknown, onFailure: (error: unknown) => void): OrderingStrategy {
  if (value === undefined) return roundRobin;
  if (typeof value === "object" && value !== null) {
    if ("createOrder" in value && typeof value.createOrder === "function") return value as OrderingStrategy;
    if ("choose" in value && typeof value.choose === "function")
      return fromChoice(value as ChoosingStrategy, onFailure);
  }
  throw unexpected("strategy", "a strategy: an object with a `choose` function", value);
}
