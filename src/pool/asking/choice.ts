import type { Clock } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import { nextEndpointOf } from "../ready/origin-cooldowns.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { AcquireRequest } from "../rotator-options.ts";
import type { Search } from "./search.ts";

/** A request for much looks at so many accounts that have less, then it waits. */
const mostTooSmall = 64;
/** And looks again after so long where there are more; milliseconds. */
const lookAgainMs = 50;
/** So many accounts are looked at for one whose origin is not in trouble, then so many times as many, and so many at most. */
const firstLook = 16;
const looksMore = 8;
const mostLooked = 4096;

/** Which account is next for a request, and which of its keys, by what the ready set believes. */
export class Choice {
  readonly #clock: Clock;
  readonly #pool: KeyPool;
  readonly #breakers: CircuitBreakers;

  constructor(clock: Clock, pool: KeyPool, breakers: CircuitBreakers) {
    this.#clock = clock;
    this.#pool = pool;
    this.#breakers = breakers;
  }

  /** The account to ask next; -1: none. */
  slotFor(readySet: ReadySet, request: AcquireRequest, search: Search | undefined): number {
    const { exclude, prefer, account, avoid } = request;
    const isPlain = exclude === undefined && avoid === undefined && prefer === undefined && account === undefined;
    if (isPlain && !this.#breakers.origins.isAny && (search === undefined || search.size === 0))
      return readySet.first(request);
    return this.#chosenSlot(readySet, request, search);
  }

  /** Keys of the accounts to ask at once, the preferred one first. */
  keysFor(
    readySet: ReadySet,
    request: AcquireRequest,
    search: Search | undefined,
    width: number,
    most: number,
  ): PooledKey[] {
    const keys: PooledKey[] = [];
    const any = this.#breakers.origins.isAny;
    const wanted = this.#preferredSlot(readySet, request, search);
    const looked = request.avoid !== undefined ? mostLooked : any ? Math.max(most, firstLook * looksMore) : width;
    const listed = this.#slotsFor(readySet, request, search, looked);
    const slots = wanted === -1 ? listed : [wanted, ...listed.filter((slot) => slot !== wanted)];
    for (const slot of any ? this.#openOriginsLast(slots, wanted, request) : slots) {
      const key = this.keyOf(this.#pool.accountAt(slot), readySet, request);
      if (key !== undefined && keys.length < width) keys.push(key);
    }
    return keys;
  }

  /** An open origin only comes after the others. */
  #openOriginsLast(slots: readonly number[], wanted: number, { model }: AcquireRequest): readonly number[] {
    const { origins } = this.#breakers;
    const isLast = (slot: number): boolean => slot !== wanted && origins.isOpen(this.#pool.accountAt(slot), model);
    return [...slots.filter((slot) => !isLast(slot)), ...slots.filter(isLast)];
  }

  /** The slow way to a slot: some accounts are excluded or too small, one is wanted, or an origin is open. */
  #chosenSlot(readySet: ReadySet, request: AcquireRequest, search: Search | undefined): number {
    const wanted = this.#preferredSlot(readySet, request, search);
    if (wanted !== -1) return wanted;
    const { origins } = this.#breakers;
    const most =
      origins.isAny || request.avoid !== undefined ? Math.min(this.#pool.accountCount, mostLooked) : firstLook;
    let fallback = -1;
    for (let count = Math.min(firstLook, most); ; count = Math.min(count * looksMore, most)) {
      const slots = this.#slotsFor(readySet, request, search, count);
      for (const slot of slots) {
        if (!origins.isOpen(this.#pool.accountAt(slot), request.model)) return slot;
        if (fallback === -1) fallback = slot;
      }
      // All of them are at origins in trouble: others may come after, in later tiers too.
      if (count >= most) return fallback;
    }
  }

  /** Of the account whose key is wanted, while it is ready; -1: there is none. */
  #preferredSlot(readySet: ReadySet, { prefer, account }: AcquireRequest, search: Search | undefined): number {
    const preferred = prefer === undefined || account !== undefined ? undefined : this.#pool.keys.get(prefer);
    if (preferred === undefined) return -1;
    const { slot } = preferred.account;
    return readySet.availabilityOf(slot) === availability.ready && search?.passes(slot) !== true ? slot : -1;
  }

  /** Accounts of the ready set that a request may have, in order. */
  #slotsFor(readySet: ReadySet, request: AcquireRequest, search: Search | undefined, most: number): readonly number[] {
    const { account, exclude, avoid } = request;
    const own = account === undefined ? undefined : this.#pool.accountOf(account);
    if (own !== undefined) return this.#ownSlot(readySet, own.slot, search);
    if (search === undefined || search.size === 0)
      return this.#without(request, readySet.list((exclude?.size ?? 0) + most, request));
    // In the order of the beginning, listed once: every look at a strategy's order takes its time.
    search.order ??= this.#without(
      request,
      readySet.list((exclude?.size ?? 0) + search.size + (avoid === undefined ? mostTooSmall : mostLooked), request),
    );
    const left = search.order.filter((slot) => !search.passes(slot) && serves(readySet, slot));
    if (left.length === 0 && search.size >= mostTooSmall) {
      search.noLaterThan(this.#clock.monotonic() + lookAgainMs);
    }
    return left.slice(0, most);
  }

  /** Those that belong to one account have no other. */
  #ownSlot(readySet: ReadySet, slot: number, search: Search | undefined): readonly number[] {
    return serves(readySet, slot) && search?.passes(slot) !== true ? [slot] : [];
  }

  #without({ exclude, avoid }: AcquireRequest, slots: readonly number[]): readonly number[] {
    if (exclude === undefined && avoid === undefined) return slots;
    return slots.filter((slot) => {
      const account = this.#pool.accountAt(slot);
      if (exclude !== undefined && account.isIn(exclude)) return false;
      return avoid === undefined || !avoid.has(nextEndpointOf(account));
    });
  }

  /** The account's next key that does not cool down; parks the account when there is none. */
  keyOf(account: Account, readySet: ReadySet, request: AcquireRequest): PooledKey | undefined {
    const { only, keys } = account;
    if (only?.enabled) return only;
    const now = this.#clock.monotonic();
    const limitedUntil = (key: PooledKey): number =>
      Math.max(key.troubles.cooldownUntil, readySet.keyLimitedUntil(key));
    const preferred = keys.find((key) => key.id === request.prefer);
    if (preferred !== undefined && limitedUntil(preferred) <= now && readySet.accepts(preferred)) return preferred;
    let soonest = Number.POSITIVE_INFINITY;
    let freeAt = Number.POSITIVE_INFINITY;
    let refusedOnly = true;
    let isAny = false;
    for (let step = 0; step < keys.length; step++) {
      const place = (account.cursor + step) % keys.length;
      const key = keys[place] as PooledKey;
      if (!readySet.accepts(key)) continue;
      const until = limitedUntil(key);
      if (until <= now) return key;
      isAny = true;
      refusedOnly &&= key.troubles.isCredentialRefused;
      soonest = Math.min(soonest, until);
      freeAt = Math.min(freeAt, key.troubles.cooldownUntil > now ? Math.max(key.troubles.freeAt, until) : until);
    }
    if (soonest !== Number.POSITIVE_INFINITY) {
      readySet.park(account.slot, soonest, refusedOnly ? availability.refused : availability.limited, freeAt);
    } else if (isAny) readySet.block(account.slot);
    else readySet.leave(account.slot);
    return undefined;
  }
}

function serves(readySet: ReadySet, slot: number): boolean {
  const now = readySet.availabilityOf(slot);
  return now === availability.ready || now === availability.deprioritized;
}
