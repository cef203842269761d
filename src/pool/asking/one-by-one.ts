import type { Candidate, Refusal, Reservation, ReserveOptions, Store } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { Lease } from "../lease.ts";
import { type NotNow, parked } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { AcquireRequest } from "../rotator-options.ts";
import { type Asker, type AskerParts, SecondLook } from "./asker.ts";
import type { Search } from "./search.ts";
import type { TokenAmounts } from "./token-amounts.ts";

/** Asks a store for one account after the other: for a store that answers at once. */
export class OneByOne implements Asker {
  readonly #parts: AskerParts;
  readonly #store: Store;
  readonly #tokens: TokenAmounts;
  readonly #secondLook: SecondLook;
  /** Are the store's times on our own clock? Spares reading it twice, and lists of its own for every question. */
  readonly #sameClock: boolean;
  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  readonly #alone: Candidate[] = new Array(1);

  constructor(parts: AskerParts) {
    const { clock, store } = parts.options;
    this.#parts = parts;
    this.#store = store;
    this.#tokens = parts.tokens;
    this.#secondLook = new SecondLook(parts);
    this.#sameClock = store.clock === clock;
  }

  pick(readySet: ReadySet, request: AcquireRequest, isLast = false, seen?: Search): Awaitable<Lease | NotNow> {
    const { breakers, choice, options, owner, pool, questions, refusals, tracker } = this.#parts;
    if (readySet.wakes.nextAt !== Number.POSITIVE_INFINITY) readySet.wakeDue(options.clock.monotonic());
    // Buckets show a store the boundaries of the present, also where nothing was refused for long.
    if (tracker.hasCalendars) tracker.refresh(options.clock.wall());
    let search = seen;
    let lease: Lease | undefined;
    for (;;) {
      const isAny =
        search === undefined &&
        !breakers.origins.isAny &&
        request.exclude === undefined &&
        request.prefer === undefined &&
        request.account === undefined;
      const slot = isAny ? readySet.first(request) : choice.slotFor(readySet, request, search);
      if (slot === -1) {
        if (this.#secondLook.at(readySet)) continue;
        return search?.notNow(readySet, pool) ?? parked(readySet, pool);
      }
      const account = pool.accountAt(slot);
      const key = account.only?.enabled ? account.only : choice.keyOf(account, readySet, request);
      const how = key && (breakers.size === 0 ? questions.request : this.#entered(readySet, key, request, isLast));
      if (key === undefined || how === undefined) continue;
      const own = readySet.candidateOf(key, tracker);
      const candidate = own.ofTokens === undefined ? own : this.#tokens.fill(own, request, this.#sameClock);
      lease ??= new Lease(owner, request);
      const answer = this.#sameClock
        ? this.#store.reserve(this.#alone.fill(candidate), how, lease)
        : this.#store.reserve([candidate], how);
      // A promise of whatever class: stores bring their own.
      if ("then" in answer) return this.#afterAnswer(answer, readySet, key, lease, isLast, search);
      if (answer === lease || answer.granted) {
        readySet.onTaken(slot);
        const granted = this.#parts.grants.grant(readySet, key, answer as Reservation, lease);
        return granted === lease ? lease : this.#withSecret(granted, readySet, request);
      }
      if (refusals.isOutdated()) continue;
      search = refusals.apply(readySet, answer, [key], search);
      if (search?.isOver) return search.notNow(readySet, pool);
    }
  }

  async #afterAnswer(
    asked: Promise<Reservation | Refusal>,
    readySet: ReadySet,
    key: PooledKey,
    lease: Lease,
    isLast: boolean,
    seen: Search | undefined,
  ): Promise<Lease | NotNow> {
    const { breakers, grants, refusals, pool } = this.#parts;
    // Meanwhile nobody else is let through in its place.
    const { model } = lease.request;
    if (breakers.size > 0) breakers.take(key, model);
    const answer = await asked;
    if (breakers.size > 0) breakers.putBack(key, model);
    if (answer.granted) {
      readySet.onTaken(key.account.slot);
      const granted = grants.grant(readySet, key, answer, lease);
      return granted === lease ? lease : this.#withSecret(granted, readySet, lease.request);
    }
    if (refusals.isOutdated()) return this.pick(readySet, lease.request, isLast, seen);
    const search = refusals.apply(readySet, answer, [key], seen);
    return search?.isOver ? search.notNow(readySet, pool) : this.pick(readySet, lease.request, isLast, search);
  }

  /** How the store is asked; `undefined`: the key has just come back from a cooldown, and enough were let through. */
  #entered(readySet: ReadySet, key: PooledKey, { model }: AcquireRequest, isLast: boolean): ReserveOptions | undefined {
    const { breakers, questions } = this.#parts;
    const purpose = breakers.enter(readySet, key, model, isLast);
    return purpose && questions[purpose];
  }

  /** Its secret is being fetched, or cannot be had: then another key is asked for. */
  #withSecret(
    granted: Awaitable<Lease | undefined>,
    readySet: ReadySet,
    request: AcquireRequest,
  ): Awaitable<Lease | NotNow> {
    if (!(granted instanceof Promise)) return granted ?? this.pick(readySet, request);
    return granted.then((got) => got ?? this.pick(readySet, request));
  }
}
