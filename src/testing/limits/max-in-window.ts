import type { Dimension } from "../../types.ts";
import { amountOf } from "./limit-rule.ts";

/** When something arrived, and the tokens it used; without them it used none. */
export interface TimedUse {
  /** Milliseconds. */
  readonly at: number;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
}

/**
 * The most that `arrivals` used in any half-open window `(t - windowMs, t]`. They must be in the order of their `at`.
 * A provider with the limit `requests` per `windowMs` was never overrun if this is at most `requests`.
 */
export function maxInWindow(
  arrivals: readonly TimedUse[],
  windowMs: number,
  dimension: Exclude<Dimension, "concurrency"> = "requests",
): number {
  let most = 0;
  let inside = 0;
  let first = 0;
  for (const arrival of arrivals) {
    inside += amount(arrival, dimension);
    while (arrival.at - arrivals[first]!.at >= windowMs) {
      inside -= amount(arrivals[first]!, dimension);
      first++;
    }
    most = Math.max(most, inside);
  }
  return most;
}

function amount({ inputTokens = 0, outputTokens = 0 }: TimedUse, dimension: Dimension): number {
  return amountOf(dimension, { inputTokens, outputTokens });
}
