/*
 * The circuit breaker of whatever may be in trouble: an account, with what belongs to it (its keys' credentials, its models), or the
 * origin that requests go to. How long a scope cools down the store knows, and it alone; a breaker says what is let through
 * meanwhile, and how much at first when it is over.
 *
 * | it is     | what happens                     | it becomes | what is let through                                              |
 * | --------- | -------------------------------- | ---------- | ---------------------------------------------------------------- |
 * | closed    | a cooldown begins                | open       | nothing                                                          |
 * | open      | another cooldown, or a longer one | open      | nothing; a probe that was due stays due                          |
 * | open      | its cooldown ends                | half-open  | as many at once as it has permits: one                           |
 * | open      | a long guess, part of it is over | half-open  | one, as a probe: the store lets one through over all processes   |
 * | half-open | a success                        | half-open  | twice as many                                                    |
 * | half-open | a success with 32 permits        | closed     | all                                                              |
 * | half-open | it is refused again              | open       | nothing, with one permit afterwards                              |
 * | open      | somebody ends it                 | half-open  | as at its end                                                    |
 *
 * A time that a provider or an operator stated is never probed: only guesses are, and credit that may have been topped up. An account
 * without a permit left is not refused but deprioritized. An open origin refuses nothing either: keys with another one come first.
 */
import { isKeyScope } from "../../limits/scopes.ts";
import type { Clock, CooldownSource, Random, ScopeId } from "../../types.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import { availability } from "./availability.ts";
import type { ReadySet } from "./ready-set.ts";

const firstPermits = 1;
/** With so many permits, what came back from a cooldown is back for good. */
const mostPermits = 32;

/** A long guess is probed first after this share of it, and then so often; milliseconds. */
const probeShare = 0.25;
const shortestProbeMs = 60_000;
const longestProbeMs = 900_000;

/** Spreads the moments at which waiters try a key that comes back: up to this share of its cooldown, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

/** Only guesses, and credit that may have been topped up. */
export function mayProbe(source: CooldownSource | undefined): boolean {
  return source === "heuristic" || source === "credit";
}

/** What cools down, as a store says. */
export interface Cooldown {
  readonly scope: ScopeId;
  /** Milliseconds from now. */
  readonly forMs: number;
  readonly source: CooldownSource;
  readonly reason: string | undefined;
}

export class CircuitBreaker {
  /** Monotonic time of the next probe; 0: none is planned. */
  #probeAt = 0;
  #permits = 0;

  /** How many requests may be under way at once; 0: any number. */
  get permits(): number {
    return this.#permits;
  }

  /** Is there neither a bound nor a probe? Then it is as good as none. */
  get isClosed(): boolean {
    return this.#permits === 0 && this.#probeAt === 0;
  }

  /** @returns when something is let through: at the end, or at the next probe; all monotonic */
  open(now: number, endsAt: number, isProbed: boolean): number {
    this.#permits = firstPermits;
    if (!isProbed || endsAt - now <= shortestProbeMs) return endsAt;
    if (this.#probeAt <= now) {
      this.#probeAt = now + Math.min(Math.max((endsAt - now) * probeShare, shortestProbeMs), longestProbeMs);
    }
    return Math.min(this.#probeAt, endsAt);
  }

  /** Is the next request a probe? */
  isProbeDue(now: number): boolean {
    return this.#probeAt !== 0 && this.#probeAt <= now;
  }

  /**
   * A request was let through, with which so many are under way: if it is the probe, what it finds decides on the next.
   * @returns is no permit left?
   */
  onGranted(now: number, inFlight: number): boolean {
    if (this.isProbeDue(now)) this.#probeAt = 0;
    return this.#permits > 0 && inFlight >= this.#permits;
  }

  onSuccess(): void {
    this.#permits = this.#permits >= mostPermits ? 0 : this.#permits * 2;
  }

  /** The cooldown is over before its time. */
  end(): void {
    this.#probeAt = 0;
  }
}

/** The breakers of a pool. One is made when something cools down, and dropped once it is closed. */
export class CircuitBreakers {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ofAccounts = new Map<Account, CircuitBreaker>();
  /** Until when origins are open, monotonic. */
  readonly #origins = new Map<string, number>();
  /** How many accounts have one; 0: nobody need look. */
  size = 0;
  isAnyOriginOpen = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  of(account: Account): CircuitBreaker | undefined {
    return this.#ofAccounts.get(account);
  }

  onSuccess(account: Account): void {
    const breaker = this.#ofAccounts.get(account);
    if (breaker === undefined || breaker.permits === 0) return;
    breaker.onSuccess();
    if (breaker.isClosed) this.#drop(account);
  }

  /** A cooldown began that an answer to this process asked for. What a key alone is probed for shows when a store refuses it. */
  onCooled(account: Account, { scope, forMs, source }: Cooldown): void {
    const now = this.#clock.monotonic();
    this.#breakerOf(account).open(now, now + forMs, mayProbe(source) && !isKeyScope(scope));
  }

  /** A cooldown was ended. */
  end(account: Account): void {
    this.#ofAccounts.get(account)?.end();
  }

  /** It left the pool. */
  forget(account: Account): void {
    if (this.#ofAccounts.has(account)) this.#drop(account);
  }

  /** Takes over into a ready set what a store told of: the account is left alone until it ends, or is probed. */
  park(readySet: ReadySet, key: PooledKey, { scope, forMs, source, reason }: Cooldown): void {
    const { account } = key;
    const now = this.#clock.monotonic();
    const endsAt = now + forMs + this.#random() * Math.min(forMs * wakeJitterShare, wakeJitterMs);
    const wakeAt = this.#breakerOf(account).open(now, endsAt, mayProbe(source));
    const isCredentialRefused = reason === "invalid_key";
    const freeAt = endsByProbe(source, reason) ? Number.POSITIVE_INFINITY : wakeAt;
    if (isKeyScope(scope)) {
      key.coolDown(wakeAt, isCredentialRefused, freeAt);
      if (account.keys.length > 1) return;
    }
    readySet.park(account.slot, wakeAt, isCredentialRefused ? availability.refused : availability.limited, freeAt);
  }

  /** Opens the origin that a key's requests go to; 0: it is closed again. */
  openOriginOf(key: PooledKey, forMs: number): void {
    this.openOrigin(endpointOf(key), forMs);
  }

  /** @param origin empty for that of keys without an endpoint of their own */
  openOrigin(origin: string, forMs: number): void {
    if (forMs > 0) this.#origins.set(origin, this.#clock.monotonic() + forMs);
    else this.#origins.delete(origin);
    this.isAnyOriginOpen = this.#origins.size > 0;
  }

  /** Is the origin open that the account's next request would go to? */
  isOriginOpen({ keys, cursor }: Account): boolean {
    if (!this.isAnyOriginOpen) return false;
    const origin = endpointOf(keys[cursor % keys.length]);
    const until = this.#origins.get(origin);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.openOrigin(origin, 0);
    return false;
  }

  #breakerOf(account: Account): CircuitBreaker {
    let breaker = this.#ofAccounts.get(account);
    if (breaker === undefined) {
      breaker = new CircuitBreaker();
      this.#ofAccounts.set(account, breaker);
      this.size = this.#ofAccounts.size;
    }
    return breaker;
  }

  #drop(account: Account): void {
    this.#ofAccounts.delete(account);
    this.size = this.#ofAccounts.size;
  }
}

/** The origin of a key's own endpoint; empty when it uses the call's. */
function endpointOf(key: PooledKey | undefined): string {
  return key?.config.baseURL?.origin ?? "";
}

/**
 * Does a cooldown end only because somebody tries again? Of a refused credential, a spent balance or an account that may not, nobody
 * knows that it is back then; limits end by themselves.
 */
function endsByProbe(source: CooldownSource, reason: string | undefined): boolean {
  return source === "credit" || reason === "invalid_key" || (reason === "forbidden" && source === "heuristic");
}
