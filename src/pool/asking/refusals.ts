import type { PoolLimits } from "../../limits/pool-limits.ts";
import { isAddressScope, isKeyScope, isModelScope, storeScope } from "../../limits/scopes.ts";
import type { Blocked, Refusal } from "../../limits/store.ts";
import type { Clock, CooldownSource } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { SharedCooldowns } from "../shared/shared-cooldowns.ts";
import { Search } from "./search.ts";

/** A refusal, or what refused candidates before the one that serves. */
type Refused = Pick<Refusal, "now" | "blocked">;

export interface RefusalParts {
  readonly clock: Clock;
  readonly tracker: PoolLimits;
  readonly pool: Pick<KeyPool, "providers">;
  readonly breakers: CircuitBreakers;
  readonly shared: SharedCooldowns | undefined;
}

/** Corrects what ready sets believe by what a store refused. */
export class Refusals {
  readonly #parts: RefusalParts;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** Was it judged by windows that have passed? Then it says nothing, and the store is to be asked again. */
  isOutdated(): boolean {
    const { tracker, clock } = this.#parts;
    return tracker.hasCalendars && tracker.refresh(clock.wall());
  }

  /** Does what counts this machine, or the store itself, stand against every account? Each provider counts a machine apart. */
  #isForAll(first: Blocked | undefined): first is Blocked {
    if (first === undefined) return false;
    return first.by === storeScope || (isAddressScope(first.by) && this.#parts.pool.providers.length === 1);
  }

  /** Takes over what stands against each of these keys; what concerns this request alone goes into its search. */
  apply(
    readySet: ReadySet,
    { now, blocked }: Refused,
    keys: readonly PooledKey[],
    before?: Search,
  ): Search | undefined {
    const at = this.#parts.clock.monotonic();
    const [first] = blocked;
    let search = this.#isForAll(first) ? endOf(first, now, at, before) : before;
    if (first?.by === storeScope) return search;
    for (const { index, by, until, anyUntil, source, reason } of blocked) {
      const key = keys[index] as PooledKey;
      if (source !== undefined) this.#onCooldown(readySet, key, by, now, until as number, source, reason);
      else if (until !== null && anyUntil !== undefined) {
        search ??= new Search();
        search.tooSmall(key.account.slot, at + (until - now));
        if (anyUntil > now) parkLimited(readySet, key, by, at + (anyUntil - now));
      } else parkLimited(readySet, key, by, until === null ? null : at + (until - now));
    }
    return search;
  }

  #onCooldown(
    readySet: ReadySet,
    key: PooledKey,
    by: string,
    storeNow: number,
    until: number,
    source: CooldownSource,
    reason: string | undefined,
  ): void {
    const { breakers, shared } = this.#parts;
    shared?.onRefusal({ scope: by, now: storeNow, until, source, reason: reason ?? "" });
    // A model's cooldown stops its own ready set only.
    if (!readySet.coolsAlone && isModelScope(by)) return;
    breakers.park(readySet, key, { scope: by, forMs: until - storeNow, source, reason });
  }
}

/** At a declared limit; `null`: until a release. */
function parkLimited(readySet: ReadySet, key: PooledKey, by: string, until: number | null): void {
  const { account } = key;
  if (account.keys.length > 1 && isKeyScope(by)) readySet.limitKey(key, until ?? Number.POSITIVE_INFINITY);
  else if (until === null) readySet.block(account.slot);
  else readySet.park(account.slot, until, availability.limited);
}

/** Nobody else need be asked. */
function endOf(first: Blocked, now: number, at: number, before: Search | undefined): Search {
  const { by, until, anyUntil } = first;
  const search = before ?? new Search();
  // Somebody who wants less may still find room.
  const isClosed = anyUntil === undefined || anyUntil > now;
  if (by === storeScope) search.end("store-away", laterThan(at, until ?? now, now));
  else search.end(isClosed ? "closed" : "too-large", laterThan(at, isClosed ? (anyUntil ?? until) : until, now));
  return search;
}

function laterThan(at: number, until: number | null, now: number): number {
  return until === null ? Number.POSITIVE_INFINITY : at + Math.max(until - now, 1);
}
