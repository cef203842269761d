import type { Clock } from "../../types.ts";
import type { Account, PooledKey } from "../keys/key-pool.ts";

/** The origin of a key's own endpoint; empty when it uses the call's. */
function endpointOf(key: PooledKey | undefined): string {
  return key?.config.baseURL?.origin ?? "";
}

/**
 * Endpoints of providers in trouble. Keys with another endpoint are preferred meanwhile; nothing is refused for it.
 */
export class OriginRests {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();
  isAnyResting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  rest(key: PooledKey, forMs: number): void {
    this.restAt(endpointOf(key), forMs);
  }

  restAt(origin: string, forMs: number): void {
    if (forMs > 0) this.#until.set(origin, this.#clock.monotonic() + forMs);
    else this.#until.delete(origin);
    this.isAnyResting = this.#until.size > 0;
  }

  restsFor(account: Account): boolean {
    if (this.#until.size === 0) return false;
    const origin = endpointOf(account.keys[account.cursor % account.keys.length]);
    const until = this.#until.get(origin);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.restAt(origin, 0);
    return false;
  }
}
