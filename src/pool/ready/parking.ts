import { isKeyScope } from "../../limits/scopes.ts";
import type { CooldownSource, Random } from "../../types.ts";
import type { PooledKey } from "../keys/key-pool.ts";
import { type Lane, standing } from "./ready-set.ts";
import { mayRecheck, type Rechecks } from "./rechecks.ts";

/** Spreads the moments at which waiters try a key that comes back: up to this share of its rest, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

/** Takes over into a lane that a scope rests. */
export class Parking {
  readonly #random: Random;
  readonly #rechecks: Rechecks;

  constructor(random: Random, rechecks: Rechecks) {
    this.#random = random;
    this.#rechecks = rechecks;
  }

  /** An account whose rest was told of is left alone until it ends, or is put to the test. */
  rest(
    lane: Lane,
    key: PooledKey,
    by: string,
    now: number,
    waitMs: number,
    source: CooldownSource,
    reason: string | undefined,
  ): void {
    const { account } = key;
    const endsAt = now + waitMs + this.#random() * Math.min(waitMs * wakeJitterShare, wakeJitterMs);
    const wakeAt = mayRecheck(source) ? this.#rechecks.wakeAt(account, now, endsAt) : endsAt;
    account.slowStart();
    const refusedCredential = reason === "invalid_key";
    const freeAt = isTested(source, reason) ? Number.POSITIVE_INFINITY : wakeAt;
    if (isKeyScope(by)) {
      key.rest(wakeAt, refusedCredential, freeAt);
      if (account.keys.length > 1) return;
    }
    lane.park(account.slot, wakeAt, refusedCredential ? standing.refused : standing.limited, freeAt);
  }
}

/**
 * Does a rest end only because somebody tries again? Of a refused credential, a spent balance or an account that may not, nobody
 * knows that it is back then; limits end by themselves.
 */
function isTested(source: CooldownSource, reason: string | undefined): boolean {
  return source === "credit" || reason === "invalid_key" || (reason === "forbidden" && source === "heuristic");
}
