import type { Candidate, Refusal, Reservation, Store } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { Lease } from "../lease.ts";
import { type NotNow, parked } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { AcquireRequest } from "../rotator-options.ts";
import { type Asker, type AskerParts, ClockWatch, freshen } from "./asker.ts";
import type { Search } from "./search.ts";
import type { TokenAmounts } from "./token-amounts.ts";

/** Asks a store for one account after the other: for a store that answers at once. */
export class OneByOne implements Asker {
  readonly #parts: AskerParts;
  readonly #store: Store;
  readonly #tokens: TokenAmounts;
  readonly #clockWatch: ClockWatch;
  /** Are the store's times on our own clock? Spares reading it twice, and lists of its own for every question. */
  readonly #sameClock: boolean;
  readonly #alone: [Candidate?] = [];

  constructor(parts: AskerParts) {
    const { clock, store } = parts.options;
    this.#parts = parts;
    this.#store = store;
    this.#tokens = parts.tokens;
    this.#clockWatch = new ClockWatch(clock);
    this.#sameClock = store.clock === clock;
  }

  pick(readySet: ReadySet, request: AcquireRequest, seen?: Search): Awaitable<Lease | NotNow> {
    const { breakers, choice, options, owner, pool, questions, refusals, tracker } = this.#parts;
    if (tracker.hasCalendars || readySet.wakes.nextAt !== Number.POSITIVE_INFINITY)
      freshen(readySet, options.clock, tracker);
    const isPlain = request.exclude === undefined && request.prefer === undefined && request.account === undefined;
    let search = seen;
    let lease: Lease | undefined;
    for (;;) {
      const isAny = isPlain && search === undefined && !breakers.isAnyOriginOpen;
      const slot = isAny ? readySet.first() : choice.slotFor(readySet, request, search);
      if (slot === -1) {
        if (this.#looksAgain(readySet)) continue;
        return search?.notNow(readySet, pool) ?? parked(readySet, pool);
      }
      const account = pool.accountAt(slot);
      const key = account.only?.enabled ? account.only : choice.keyOf(account, readySet, request);
      if (key === undefined) continue;
      const own = readySet.candidateOf(key, tracker);
      const candidate = own.ofTokens === undefined ? own : this.#tokens.fill(own, request, this.#sameClock);
      const how = breakers.size > 0 && breakers.isProbeDue(account) ? questions.probe : questions.request;
      lease ??= new Lease(owner, request);
      const answer = this.#sameClock
        ? this.#store.reserve(this.#listOf(candidate), how, lease)
        : this.#store.reserve([candidate], how);
      // A promise of whatever class: stores bring their own.
      if ("then" in answer) return this.#afterAnswer(answer, readySet, key, lease, search);
      if (answer.granted) return this.#onGranted(readySet, key, answer, lease);
      if (refusals.isOutdated()) continue;
      search = refusals.apply(readySet, answer, [key], search);
      if (search?.isOver) return search.notNow(readySet, pool);
    }
  }

  /** What may have changed without a word. */
  #looksAgain(readySet: ReadySet): boolean {
    const { options, tracker } = this.#parts;
    return readySet.looksAtBlocked(options.clock) || (tracker.hasCalendars && this.#clockWatch.wakesAll(readySet));
  }

  async #afterAnswer(
    asked: Promise<Reservation | Refusal>,
    readySet: ReadySet,
    key: PooledKey,
    lease: Lease,
    seen: Search | undefined,
  ): Promise<Lease | NotNow> {
    const { refusals, pool } = this.#parts;
    const answer = await asked;
    if (answer.granted) return this.#onGranted(readySet, key, answer, lease);
    if (refusals.isOutdated()) return this.pick(readySet, lease.request, seen);
    const search = refusals.apply(readySet, answer, [key], seen);
    return search?.isOver ? search.notNow(readySet, pool) : this.pick(readySet, lease.request, search);
  }

  #onGranted(readySet: ReadySet, key: PooledKey, answer: Reservation, lease: Lease): Awaitable<Lease | NotNow> {
    readySet.onTaken(key.account.slot);
    const granted = this.#parts.grants.grant(readySet, key, answer, lease);
    if (!(granted instanceof Promise)) return granted ?? this.pick(readySet, lease.request);
    return granted.then((got) => got ?? this.pick(readySet, lease.request));
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(candidate: Candidate): readonly Candidate[] {
    this.#alone[0] = candidate;
    return this.#alone as [Candidate];
  }
}
