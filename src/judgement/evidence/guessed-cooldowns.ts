import type { RefusedAttempt } from "../../ports.ts";

/** Accounts that one call may put into cooldown on guesses. */
export const mostCooled = 2;

/** Accounts that each call has put into cooldown on guesses, by its first refusal. */
export class GuessedCooldowns {
  readonly #byCall = new WeakMap<RefusedAttempt, Set<string>>();

  /** Those of the call with these refusals: what evidence had cooled is added by whoever does it, the refusals' own are there. */
  of(refusals: readonly RefusedAttempt[]): Set<string> {
    const [first] = refusals;
    const cooled = (first && this.#byCall.get(first)) ?? new Set();
    for (const { classification, lease } of refusals) {
      if (classification.failover && classification.strength !== "certain" && cooled.size < mostCooled)
        cooled.add(lease.accountId);
    }
    if (first !== undefined) this.#byCall.set(first, cooled);
    return cooled;
  }
}
