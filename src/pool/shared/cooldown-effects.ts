import { isAddressScope, isKeyScope, isOriginScope, originIn } from "../../limits/scopes.ts";
import type { ScopeId } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { KnownCooldown } from "./known-cooldowns.ts";
import type { Target } from "./targets.ts";

export interface CooldownEffectsHost {
  readonly breakers: CircuitBreakers;
  wake(slot: number): void;
  serveAll(): void;
}

/** What a cooldown that others set means for the accounts of this process. */
export class CooldownEffects {
  readonly #pool: KeyPool;
  readonly #host: CooldownEffectsHost;

  constructor(pool: KeyPool, host: CooldownEffectsHost) {
    this.#pool = pool;
    this.#host = host;
  }

  park(readySet: ReadySet, { cooldown, endsAt }: KnownCooldown, { account, key }: Target, now: number): void {
    if (account === undefined) return;
    const { slot } = account;
    const { scope, source, reason } = cooldown;
    const before = readySet.availabilityOf(slot);
    const isParked = before === availability.limited || before === availability.refused;
    const isOfSeveral = isKeyScope(scope) && account.keys.length > 1;
    if (isParked && !isOfSeveral && readySet.wakes.timeOf(slot) >= endsAt) return;
    const [one] = account.keys as [PooledKey];
    this.#host.breakers.park(readySet, key ?? one, { scope, forMs: endsAt - now, source, reason });
  }

  end(scope: ScopeId, { account, key }: Target): void {
    this.coolOrigin(scope, 0);
    key?.endCooldown();
    if (account === undefined) this.#host.serveAll();
    else {
      this.#host.breakers.end(scope, account, key);
      this.#host.wake(account.slot);
    }
  }

  /** Whoever asks is refused by the store. What is let through at the end is few, whoever met it. */
  coolAddress({ cooldown, endsAt }: KnownCooldown, now: number): void {
    const { scope, source, reason } = cooldown;
    if (isAddressScope(scope)) this.#host.breakers.onAddressCooled({ scope, forMs: endsAt - now, source, reason });
  }

  coolOrigin(scope: ScopeId, forMs: number): void {
    if (!isOriginScope(scope) || !this.#pool.hasOwnEndpoints) return;
    const { origin, model } = originIn(scope);
    const isOwn = this.#pool.endpoints.some((endpoint) => endpoint.origin === origin);
    // What is no key's own is where keys without an endpoint send to.
    this.#host.breakers.openOrigin(isOwn ? origin : "", model, forMs);
  }
}
