import { isKeyScope } from "../../limits/scopes.ts";
import type { CooldownSource, Random } from "../../types.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { availability, type ReadySet } from "./ready-set.ts";
import { type HalfOpenProbes, mayProbe } from "./rechecks.ts";

/** Spreads the moments at which waiters try a key that comes back: up to this share of its cooldown, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

/** Takes over into a ready set that a scope cools down. */
export class Parking {
  readonly #random: Random;
  readonly #probes: HalfOpenProbes;

  constructor(random: Random, probes: HalfOpenProbes) {
    this.#random = random;
    this.#probes = probes;
  }

  /** An account in cooldown is left alone until that ends, or is probed. */
  cool(
    readySet: ReadySet,
    key: PooledKey,
    by: string,
    now: number,
    waitMs: number,
    source: CooldownSource,
    reason: string | undefined,
  ): void {
    const { account } = key;
    const endsAt = now + waitMs + this.#random() * Math.min(waitMs * wakeJitterShare, wakeJitterMs);
    const wakeAt = mayProbe(source) ? this.#probes.wakeAt(account, now, endsAt) : endsAt;
    account.slowStart();
    const isCredentialRefused = reason === "invalid_key";
    const freeAt = endsByTest(source, reason) ? Number.POSITIVE_INFINITY : wakeAt;
    if (isKeyScope(by)) {
      key.coolDown(wakeAt, isCredentialRefused, freeAt);
      if (account.keys.length > 1) return;
    }
    readySet.park(account.slot, wakeAt, isCredentialRefused ? availability.refused : availability.limited, freeAt);
  }
}

/**
 * Does a cooldown end only because somebody tries again? Of a refused credential, a spent balance or an account that may not, nobody
 * knows that it is back then; limits end by themselves.
 */
function endsByTest(source: CooldownSource, reason: string | undefined): boolean {
  return source === "credit" || reason === "invalid_key" || (reason === "forbidden" && source === "heuristic");
}
