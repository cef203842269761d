import type { Candidate, Refusal, Reservation, Store } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import type { Lease } from "../lease.ts";
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

  pick(readySet: ReadySet, request: AcquireRequest): Awaitable<Lease | NotNow> {
    const { options, tracker } = this.#parts;
    if (tracker.hasCalendars || readySet.nextWakeAt() !== Number.POSITIVE_INFINITY)
      freshen(readySet, options.clock, tracker);
    return this.#search(readySet, request, undefined);
  }

  #search(readySet: ReadySet, request: AcquireRequest, seen: Search | undefined): Awaitable<Lease | NotNow> {
    const { choice, origins, pool, questions, refusals, tracker } = this.#parts;
    const { exclude, prefer, account: wanted } = request;
    let search = seen;
    for (;;) {
      const isPlain = search === undefined && exclude === undefined && prefer === undefined && wanted === undefined;
      const slot = isPlain && !origins.isAnyCooling ? readySet.first() : choice.slotFor(readySet, request, search);
      if (slot === -1) {
        if (
          readySet.looksAtBlocked(this.#parts.options.clock) ||
          (tracker.hasCalendars && this.#clockWatch.wakesAll(readySet))
        )
          continue;
        return search?.notNow(readySet, pool) ?? parked(readySet, pool);
      }
      const account = pool.accountAt(slot);
      const key = account.only?.enabled ? account.only : choice.keyOf(account, readySet, request);
      if (key === undefined) continue;
      const own = readySet.candidateOf(key, tracker);
      const candidate = own.ofTokens === undefined ? own : this.#tokens.fill(own, request, this.#sameClock);
      const options = account.probeAt === 0 ? questions.request : questions.about(account);
      const answer = this.#store.reserve(this.#listOf(candidate), options);
      // A promise of whatever class: stores bring their own.
      if ("then" in answer) return this.#afterAnswer(answer, readySet, key, request, search);
      if (answer.granted) return this.#granted(readySet, key, answer, request);
      if (refusals.isOutdated()) continue;
      search = refusals.apply(readySet, answer, [key], search);
      if (search?.isOver) return search.notNow(readySet, pool);
    }
  }

  async #afterAnswer(
    asked: Promise<Reservation | Refusal>,
    readySet: ReadySet,
    key: PooledKey,
    request: AcquireRequest,
    seen: Search | undefined,
  ): Promise<Lease | NotNow> {
    const { refusals, pool } = this.#parts;
    const answer = await asked;
    if (answer.granted) return this.#granted(readySet, key, answer, request);
    if (refusals.isOutdated()) return this.#search(readySet, request, seen);
    const search = refusals.apply(readySet, answer, [key], seen);
    return search?.isOver ? search.notNow(readySet, pool) : this.#search(readySet, request, search);
  }

  #granted(
    readySet: ReadySet,
    key: PooledKey,
    answer: Reservation,
    request: AcquireRequest,
  ): Awaitable<Lease | NotNow> {
    readySet.onTaken(key.account.slot);
    const lease = this.#parts.grants.grant(readySet, key, answer, request);
    if (!(lease instanceof Promise)) return lease ?? this.pick(readySet, request);
    return lease.then((got) => got ?? this.pick(readySet, request));
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(candidate: Candidate): readonly Candidate[] {
    if (!this.#sameClock) return [candidate];
    this.#alone[0] = candidate;
    return this.#alone as [Candidate];
  }
}
