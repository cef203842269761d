import { OperatedRotator } from "../operate/operated-rotator.ts";
import type * as objects from "../pool/rotator-options.ts";
import type { Strategy } from "../pool/strategies/strategy.ts";
import { type RotatorOptions, withObjects } from "./options.ts";
import { homeOf } from "./presets.ts";
import { type StrategyName, strategyOf } from "./strategies.ts";

/**
 * Picks keys, keeps each inside its limits, and lets refused ones cool down. Knows nothing of HTTP: `acquire` gives a lease,
 * whoever sends the request settles it with the classification of the answer.
 *
 * What operators do to keys holds for the next request; where there is a `keyStore` it is stored soon after, for which
 * `flushed()` waits.
 *
 * @example
 * const rotator = new KeyRotator({ keys: process.env.API_KEYS, limits: [{ requests: 20, per: "minute" }] });
 * const lease = await rotator.acquire();
 * lease.settle({ outcome: "success" });
 */
export class KeyRotator extends OperatedRotator {
  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    super(withObjects(options), homeOf);
  }

  /**
   * Chooses keys by another strategy from now on. Requests under way and those that wait are not disturbed.
   * @throws InvalidOptionsError for what is no strategy.
   */
  override useStrategy(strategy: StrategyName | Strategy): void {
    super.useStrategy(strategyOf(strategy) as Strategy);
  }
}

/** For whoever makes a pool of its own: names have become objects by then. */
export function makeKeyRotator(options: objects.RotatorOptions): KeyRotator {
  return new KeyRotator(options);
}
