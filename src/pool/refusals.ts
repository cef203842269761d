import type { RateLimitTracker } from "../limits/rate-limit-tracker.ts";
import { isKeyScope, storeScope } from "../limits/scopes.ts";
import type { Refusal } from "../limits/store.ts";
import type { CooldownSource } from "../types.ts";
import type { PooledKey } from "./keys/key-pool.ts";
import { type Lane, standing } from "./ready/lane.ts";
import { mayRecheck, type Rechecks, rampStart } from "./ready/rechecks.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";
import type { SharedRests } from "./shared/shared-rests.ts";
import { TooLarge } from "./token-amounts.ts";

/** Spreads the moments at which waiters try a key that comes back: up to this share of its rest, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

export interface RefusalParts {
  readonly options: ResolvedRotatorOptions;
  readonly tracker: RateLimitTracker;
  readonly rechecks: Rechecks;
  readonly shared: () => SharedRests | undefined;
}

/** Corrects what lanes believe by what a store refused. */
export class Refusals {
  readonly #parts: RefusalParts;
  /** Was the last refusal judged by windows that had passed? */
  wasOutdated = false;
  /** Could the store not be asked, when it refused last? Then no account is to blame. */
  isStoreAway = false;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** Returns the accounts that have room for less. */
  learn(lane: Lane, refusal: Refusal, keys: readonly PooledKey[], before: TooLarge | undefined): TooLarge | undefined {
    const { options, tracker } = this.#parts;
    const { clock } = options;
    this.wasOutdated = tracker.hasCalendars && tracker.refresh(clock.wall());
    if (this.wasOutdated) return before;
    const now = clock.monotonic();
    const [first] = refusal.blocked;
    this.isStoreAway = first?.by === storeScope;
    if (this.isStoreAway) {
      // Also those who want a certain account ask again then.
      lane.waiting.roomAt = Math.min(lane.waiting.roomAt, now + (first?.until ?? refusal.now) - refusal.now);
      return before;
    }
    let tooLarge = before;
    for (const { index, by, until, anyUntil, source, reason } of refusal.blocked) {
      const key = keys[index] as PooledKey;
      if (source !== undefined) this.#rests(lane, key, by, refusal.now, until as number, source, reason);
      else if (until !== null && anyUntil !== undefined) {
        tooLarge ??= new TooLarge();
        tooLarge.add(key.account.slot, now + (until - refusal.now));
        if (anyUntil > refusal.now) parkLimited(lane, key, by, now + (anyUntil - refusal.now));
      } else parkLimited(lane, key, by, until === null ? null : now + (until - refusal.now));
    }
    return tooLarge;
  }

  /** Does what counts this machine, or the store itself, stand against every account? Then nobody else need be asked. */
  holdsForAll(lane: Lane, { blocked, now }: Refusal): boolean {
    const [first] = blocked;
    if (first === undefined || !(first.by.startsWith("ip:") || first.by === storeScope)) return false;
    // Somebody who wants less may still find room.
    lane.isShut = first.anyUntil === undefined || first.anyUntil > now;
    const until = lane.isShut ? (first.anyUntil ?? first.until) : first.until;
    const { clock } = this.#parts.options;
    lane.roomAt = until === null ? Number.POSITIVE_INFINITY : clock.monotonic() + Math.max(until - now, 1);
    return true;
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
    if (isKeyScope(by)) {
      key.restUntil = wakeAt;
      key.credentialRefused = refusedCredential;
      if (account.keys.length > 1) return;
    }
    lane.park(account.slot, wakeAt, refusedCredential ? standing.refused : standing.limited);
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

/** At a declared limit; `null`: until a release. */
function parkLimited(lane: Lane, key: PooledKey, by: string, until: number | null): void {
  const { account } = key;
  if (isKeyScope(by) && account.keys.length > 1) lane.restKey(key, until ?? Number.POSITIVE_INFINITY);
  else if (until === null) lane.stick(account.slot);
  else lane.park(account.slot, until, standing.limited);
}
