import type { OwnCandidate } from "../../limits/key-candidate.ts";
import { modelScope } from "../../limits/scopes.ts";
import type { Candidate, Refusal, Reservation, Store } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import { Lease } from "../lease.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import { type NotNow, parked } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { ReadySets } from "../ready/ready-sets.ts";
import type { AcquireRequest } from "../rotator-options.ts";
import type { SharedCooldowns } from "../shared/shared-cooldowns.ts";
import { type Asker, type AskerParts, SecondLook } from "./asker.ts";
import type { Search } from "./search.ts";

/** How often such a store is asked for one request. */
const mostRounds = 3;

export interface BatchedParts extends AskerParts {
  readonly host: { readonly readySets: ReadySets };
  readonly shared: SharedCooldowns | undefined;
}

/**
 * Asks a store about several accounts at once, and twice more with what it taught: for a store over a network. While the first
 * candidate mostly serves, the first question is about few: every one of them costs the store time.
 */
export class Batched implements Asker {
  readonly #parts: BatchedParts;
  readonly #store: Store;
  readonly #secondLook: SecondLook;
  /** How many candidates a question carries at most. */
  readonly #most: number;
  /** How many candidates the next request's first question is about. */
  #width: number;
  /** With the scope of the model that was asked for last: mostly the next request is about the same. */
  readonly #withModel = new WeakMap<OwnCandidate, { model: string; candidate: OwnCandidate }>();

  constructor(parts: BatchedParts, most: number) {
    const { store } = parts.options;
    this.#parts = parts;
    this.#store = store;
    this.#secondLook = new SecondLook(parts);
    this.#most = most;
    this.#width = most;
  }

  async pick(from: ReadySet, request: AcquireRequest, isLast = false): Promise<Lease | NotNow> {
    const { breakers, choice, options, pool, questions, refusals, shared, tracker } = this.#parts;
    let readySet = from;
    let search: Search | undefined;
    const asked = new Set<PooledKey>();
    if (readySet.wakes.nextAt !== Number.POSITIVE_INFINITY) readySet.wakeDue(options.clock.monotonic());
    // Buckets show a store the boundaries of the present, also where nothing was refused for long.
    if (tracker.hasCalendars) tracker.refresh(options.clock.wall());
    for (let round = 0; round < mostRounds; round++) {
      const known = this.#known(readySet, request, round);
      if (known !== undefined) readySet = known instanceof Promise ? await known : known;
      if (isLast) readySet.wakeBlocked();
      const width = round === 0 ? this.#width : this.#most;
      let keys = choice.keysFor(readySet, request, search, width, this.#most);
      if (keys.length === 0) {
        if (this.#secondLook.at(readySet)) continue;
        const verifying = shared?.verify();
        if (verifying === undefined) break;
        await verifying;
        readySet.wakeDue(options.clock.monotonic());
        keys = choice.keysFor(readySet, request, search, width, this.#most);
      }
      if (keys.every((key) => asked.has(key))) break;
      for (const key of keys) asked.add(key);
      const isGuarded = breakers.size > 0;
      if (isGuarded) keys = breakers.entered(readySet, keys, request.model, isLast);
      const [first] = keys;
      if (first === undefined) continue;
      readySet.onTaken(first.account.slot);
      const candidates = keys.map((key) => this.#candidate(key, readySet, request));
      const how = questions[isGuarded ? breakers.take(first, request.model) : "request"];
      if (isGuarded && shared !== undefined && !isLast)
        candidates[0] = withPermit(candidates[0] as Candidate, first, breakers);
      const answer = await this.#store.reserve(candidates, how);
      if (isGuarded) breakers.putBack(first, request.model);
      this.#width = widthAfter(answer, this.#width, this.#most);
      if (answer.granted) return this.#granted(readySet, keys, answer, request, isLast);
      if (refusals.isOutdated()) {
        asked.clear();
        continue;
      }
      search = refusals.apply(readySet, answer, keys, search);
      if (search?.isOver) break;
    }
    return search?.notNow(readySet, pool) ?? parked(readySet, pool);
  }

  /** Waits for what other processes know. What was learnt may have given the model a ready set of its own. */
  #known(readySet: ReadySet, { model, only }: AcquireRequest, round: number): Awaitable<ReadySet> | undefined {
    const { shared, host, options } = this.#parts;
    if (shared === undefined) return undefined;
    shared.look();
    const own = (): ReadySet => {
      const found = readySet.coolsAlone ? readySet : host.readySets.for(model, only);
      if (found !== readySet) found.wakeDue(options.clock.monotonic());
      return found;
    };
    return shared.before(round)?.then(own) ?? own();
  }

  #granted(
    readySet: ReadySet,
    keys: readonly PooledKey[],
    answer: Reservation,
    request: AcquireRequest,
    isLast: boolean,
  ): Awaitable<Lease | NotNow> {
    const { grants, owner, refusals } = this.#parts;
    const { index, blocked, reservedAt: now } = answer;
    const key = keys[index] as PooledKey;
    if (index !== 0) {
      readySet.onTaken(key.account.slot);
      if (blocked !== undefined && !refusals.isOutdated()) {
        refusals.apply(readySet, { now, blocked }, keys);
      }
    }
    const lease = grants.grant(readySet, key, answer, new Lease(owner, request));
    if (!(lease instanceof Promise)) return lease ?? this.pick(readySet, request, isLast);
    return lease.then((got) => got ?? this.pick(readySet, request, isLast));
  }

  /** Another process may have put the model into cooldown, also where none cooled here yet. */
  #candidate(key: PooledKey, readySet: ReadySet, request: AcquireRequest): Candidate {
    const { shared, tokens, tracker } = this.#parts;
    const own = readySet.candidateOf(key, tracker);
    const { model } = request;
    if (shared === undefined || model === undefined || readySet.coolsAlone) {
      return tokens.fill(own, request, false);
    }
    let last = this.#withModel.get(own);
    if (last?.model !== model) {
      const scopes = [...own.scopes, modelScope(key.account.id, model)];
      last = { model, candidate: { scopes, needs: own.needs, ofTokens: own.ofTokens, memo: undefined } };
      this.#withModel.set(own, last);
    }
    return tokens.fill(last.candidate, request, false);
  }
}

/** The first of them is the only one that may have come back from a cooldown. What all processes let through together the store counts. */
function withPermit(candidate: Candidate, key: PooledKey, breakers: CircuitBreakers): Candidate {
  const permit = breakers.permitOf(key);
  if (permit === undefined) return candidate;
  const { scopes, needs, callerNeeds = [] } = candidate;
  return { scopes, needs, callerNeeds: [...callerNeeds, permit] };
}

function widthAfter(answer: Reservation | Refusal, width: number, most: number): number {
  if (!answer.granted) return most;
  return answer.index === 0 ? Math.max(1, width >> 1) : Math.min(most, Math.max(width, 2 * (answer.index + 1)));
}
