import type { Candidate, Refusal, Reservation, Store } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { PooledKey } from "../keys/key-pool.ts";
import type { Lease } from "../lease.ts";
import { type NotNow, parked } from "../ready/not-now.ts";
import type { Lane } from "../ready/ready-set.ts";
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

  pick(lane: Lane, request: AcquireRequest): Awaitable<Lease | NotNow> {
    const { options, tracker } = this.#parts;
    if (tracker.hasCalendars || lane.nextWakeAt() !== Number.POSITIVE_INFINITY) freshen(lane, options.clock, tracker);
    return this.#search(lane, request, undefined);
  }

  #search(lane: Lane, request: AcquireRequest, seen: Search | undefined): Awaitable<Lease | NotNow> {
    const { choice, origins, pool, questions, refusals, tracker } = this.#parts;
    const { exclude, prefer, account: wanted } = request;
    let search = seen;
    for (;;) {
      const isPlain = search === undefined && exclude === undefined && prefer === undefined && wanted === undefined;
      const slot = isPlain && !origins.isAnyResting ? lane.first() : choice.slotFor(lane, request, search);
      if (slot === -1) {
        if (lane.looksAtStuck(this.#parts.options.clock) || (tracker.hasCalendars && this.#clockWatch.wakesAll(lane)))
          continue;
        return search?.notNow(lane, pool) ?? parked(lane, pool);
      }
      const account = pool.accountAt(slot);
      const key = account.only?.enabled ? account.only : choice.keyOf(account, lane, request);
      if (key === undefined) continue;
      const own = lane.candidateOf(key, tracker);
      const candidate = own.ofTokens === undefined ? own : this.#tokens.fill(own, request, this.#sameClock);
      const options = account.recheckAt === 0 ? questions.request : questions.about(account);
      const answer = this.#store.reserve(this.#listOf(candidate), options);
      // A promise of whatever class: stores bring their own.
      if ("then" in answer) return this.#afterAnswer(answer, lane, key, request, search);
      if (answer.granted) return this.#granted(lane, key, answer, request);
      if (refusals.isOutdated()) continue;
      search = refusals.apply(lane, answer, [key], search);
      if (search?.isOver) return search.notNow(lane, pool);
    }
  }

  async #afterAnswer(
    asked: Promise<Reservation | Refusal>,
    lane: Lane,
    key: PooledKey,
    request: AcquireRequest,
    seen: Search | undefined,
  ): Promise<Lease | NotNow> {
    const { refusals, pool } = this.#parts;
    const answer = await asked;
    if (answer.granted) return this.#granted(lane, key, answer, request);
    if (refusals.isOutdated()) return this.#search(lane, request, seen);
    const search = refusals.apply(lane, answer, [key], seen);
    return search?.isOver ? search.notNow(lane, pool) : this.#search(lane, request, search);
  }

  #granted(lane: Lane, key: PooledKey, answer: Reservation, request: AcquireRequest): Awaitable<Lease | NotNow> {
    lane.took(key.account.slot);
    const lease = this.#parts.grants.grant(lane, key, answer, request);
    if (!(lease instanceof Promise)) return lease ?? this.pick(lane, request);
    return lease.then((got) => got ?? this.pick(lane, request));
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(candidate: Candidate): readonly Candidate[] {
    if (!this.#sameClock) return [candidate];
    this.#alone[0] = candidate;
    return this.#alone as [Candidate];
  }
}
