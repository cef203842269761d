import type { Clock } from "../../types.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";

/** The origin of a key's own endpoint; empty when it uses the call's. */
function endpointOf(key: PooledKey | undefined): string {
  return key?.config.baseURL?.origin ?? "";
}

/**
 * Endpoints of providers in trouble. Keys with another endpoint are preferred meanwhile; nothing is refused for it.
 */
export class OriginCooldowns {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();
  isAnyCooling = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  cool(key: PooledKey, forMs: number): void {
    this.coolAt(endpointOf(key), forMs);
  }

  coolAt(origin: string, forMs: number): void {
    if (forMs > 0) this.#until.set(origin, this.#clock.monotonic() + forMs);
    else this.#until.delete(origin);
    this.isAnyCooling = this.#until.size > 0;
  }

  coolsFor(account: Account): boolean {
    if (this.#until.size === 0) return false;
    const origin = endpointOf(account.keys[account.cursor % account.keys.length]);
    const until = this.#until.get(origin);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.coolAt(origin, 0);
    return false;
  }
}
