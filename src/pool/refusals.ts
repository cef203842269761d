import type { PoolLimits } from "../limits/pool-limits.ts";
import { isKeyScope, storeScope } from "../limits/scopes.ts";
import type { Refusal } from "../limits/store.ts";
import type { CooldownSource } from "../types.ts";
import type { PooledKey } from "./keys/key-pool.ts";
import { type Lane, standing } from "./ready/lane.ts";
import { mayRecheck, type Rechecks, rampStart } from "./ready/rechecks.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";
import type { Search } from "./search.ts";
import type { SharedRests } from "./shared/shared-rests.ts";

/** Spreads the moments at which waiters try a key that comes back: up to this share of its rest, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

export interface RefusalParts {
  readonly options: ResolvedRotatorOptions;
  readonly tracker: PoolLimits;
  readonly rechecks: Rechecks;
  readonly shared: () => SharedRests | undefined;
}

/** Corrects what lanes believe by what a store refused. */
export class Refusals {
  readonly #parts: RefusalParts;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** Was it judged by windows that have passed? Then it says nothing, and the store is to be asked again. */
  isOutdated(): boolean {
    const { tracker, options } = this.#parts;
    return tracker.hasCalendars && tracker.refresh(options.clock.wall());
  }

  /** Takes over what stands against each of these keys; what concerns this request alone goes into its search. */
  apply(lane: Lane, refusal: Refusal, keys: readonly PooledKey[], search: Search): void {
    const now = this.#parts.options.clock.monotonic();
    if (!endsFor(search, refusal, now)) this.#applyEach(lane, refusal, keys, now, search);
  }

  /** Takes over what refused candidates before the one that serves. */
  applyPassed(lane: Lane, refusal: Refusal, keys: readonly PooledKey[]): void {
    this.#applyEach(lane, refusal, keys, this.#parts.options.clock.monotonic(), undefined);
  }

  #applyEach(lane: Lane, refusal: Refusal, keys: readonly PooledKey[], now: number, search: Search | undefined): void {
    for (const { index, by, until, anyUntil, source, reason } of refusal.blocked) {
      const key = keys[index] as PooledKey;
      if (source !== undefined) this.#rests(lane, key, by, refusal.now, until as number, source, reason);
      else if (until !== null && anyUntil !== undefined) {
        search?.tooSmall(key.account.slot, now + (until - refusal.now));
        if (anyUntil > refusal.now) parkLimited(lane, key, by, now + (anyUntil - refusal.now));
      } else parkLimited(lane, key, by, until === null ? null : now + (until - refusal.now));
    }
  }

  /** An account whose rest was told of is left alone until it ends, or is put to the test. */
  parkCooling(
    lane: Lane,
    key: PooledKey,
    by: string,
    now: number,
    waitMs: number,
    source: CooldownSource,
    reason: string | undefined,
  ): void {
    const { account } = key;
    const endsAt = now + waitMs + this.#jitter(waitMs);
    const wakeAt = mayRecheck(source) ? this.#parts.rechecks.wakeAt(account, now, endsAt) : endsAt;
    account.ramp = rampStart;
    const refusedCredential = reason === "invalid_key";
    const freeAt = isTested(source, reason) ? Number.POSITIVE_INFINITY : wakeAt;
    if (isKeyScope(by)) {
      key.restUntil = wakeAt;
      key.restFreeAt = freeAt;
      key.credentialRefused = refusedCredential;
      if (account.keys.length > 1) return;
    }
    lane.park(account.slot, wakeAt, refusedCredential ? standing.refused : standing.limited, freeAt);
  }

  #rests(
    lane: Lane,
    key: PooledKey,
    by: string,
    storeNow: number,
    until: number,
    source: CooldownSource,
    reason: string | undefined,
  ): void {
    const { options, shared } = this.#parts;
    shared()?.met({ scope: by, now: storeNow, until, source, reason: reason ?? "" });
    // A model's rest stops its own lane only.
    if (!lane.restsAlone && by.startsWith("model:")) return;
    this.parkCooling(lane, key, by, options.clock.monotonic(), until - storeNow, source, reason);
  }

  #jitter(waitMs: number): number {
    return this.#parts.options.random() * Math.min(waitMs * wakeJitterShare, wakeJitterMs);
  }
}

/**
 * Does a rest end only because somebody tries again? Of a refused credential, a spent balance or an account that may not, nobody
 * knows that it is back then; limits end by themselves.
 */
function isTested(source: CooldownSource, reason: string | undefined): boolean {
  return source === "credit" || reason === "invalid_key" || (reason === "forbidden" && source === "heuristic");
}

/** At a declared limit; `null`: until a release. */
function parkLimited(lane: Lane, key: PooledKey, by: string, until: number | null): void {
  const { account } = key;
  if (isKeyScope(by) && account.keys.length > 1) lane.restKey(key, until ?? Number.POSITIVE_INFINITY);
  else if (until === null) lane.stick(account.slot);
  else lane.park(account.slot, until, standing.limited);
}

/** Does what counts this machine, or the store itself, stand against every account? Then nobody else need be asked. */
function endsFor(search: Search, { blocked, now }: Refusal, at: number): boolean {
  const [first] = blocked;
  if (first === undefined) return false;
  const { by, until, anyUntil } = first;
  if (by === storeScope) search.end("store-away", laterThan(at, until ?? now, now));
  else if (by.startsWith("ip:")) {
    // Somebody who wants less may still find room.
    const isClosed = anyUntil === undefined || anyUntil > now;
    search.end(isClosed ? "closed" : "too-large", laterThan(at, isClosed ? (anyUntil ?? until) : until, now));
  }
  return by === storeScope;
}

function laterThan(at: number, until: number | null, now: number): number {
  return until === null ? Number.POSITIVE_INFINITY : at + Math.max(until - now, 1);
}
