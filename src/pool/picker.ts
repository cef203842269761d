import type { OwnCandidate, PoolLimits } from "../limits/pool-limits.ts";
import { modelScope } from "../limits/scopes.ts";
import type { Candidate, Refusal, Reservation, ReserveOptions, Store } from "../limits/store.ts";
import type { Awaitable } from "../types.ts";
import { CountingDelay } from "./counting-delay.ts";
import type { EventHub } from "./events.ts";
import type { SecretFailure } from "./exhaustion.ts";
import type { Account, KeyPool, PooledKey } from "./keys/key-pool.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import { type Lane, standing } from "./ready/lane.ts";
import type { Lanes } from "./ready/lanes.ts";
import type { NotNow } from "./ready/not-now.ts";
import { OriginRests } from "./ready/origin-rests.ts";
import { Rechecks } from "./ready/rechecks.ts";
import { Refusals } from "./refusals.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import { parked, Search } from "./search.ts";
import type { SharedRests } from "./shared/shared-rests.ts";
import { TokenAmounts } from "./token-amounts.ts";
import { isEnding, untilEnded } from "./waiting/bounded-wait.ts";

/** How many candidates one question to a store carries unless the store says otherwise. */
const candidatesPerReserve = 16;
/** And how often such a store is asked for one request. */
const mostRounds = 3;
/** A wall clock this far off its course was set, or slept; milliseconds. */
const clockJumpMs = 1000;
/** How often groups that wait for a release are looked at without one; milliseconds. */
const lookAtStuckMs = 1000;
/** A request for much looks at so many accounts that have less, then it waits. */
const mostTooSmall = 64;
/** And looks again after so long where there are more; milliseconds. */
const lookAgainMs = 50;

export interface PickerParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
}

/** What a picker needs of whoever keeps count of requests and lanes. */
export interface PickerHost {
  /** To whom leases are given back. */
  readonly owner: LeaseOwner;
  readonly lanes: Lanes;
  readonly shared: SharedRests | undefined;
  /** Does the choice depend on how long answers take to end? */
  readonly countsStreams: boolean;
  inFlight: number;
}

/**
 * Finds a key for a request in a lane: asks the lane which account is next, the store whether it may be used, and corrects what
 * the lane believed by what the store says.
 */
export class Picker {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #pool: KeyPool;
  readonly #store: Store;
  readonly #tracker: PoolLimits;
  readonly #host: PickerHost;
  readonly #delays: CountingDelay;
  readonly tokens = new TokenAmounts();
  readonly #batch: number;
  /** How many candidates the next request's first question is about. */
  #width: number;
  /** Are the store's times on our own clock? Spares reading it twice, and lists of its own for every question. */
  readonly #sameClock: boolean;
  readonly #alone: [Candidate?] = [];
  /** With the scope of the model that was asked for last: mostly the next request is about the same. */
  readonly #withModel = new WeakMap<OwnCandidate, { model: string; candidate: OwnCandidate }>();
  readonly #probeOptions: ReserveOptions;
  /** Keys whose secret could not be fetched, with what was thrown. */
  readonly #secretFailures = new Map<PooledKey, unknown>();
  /** How far the wall clock was from the monotonic one when that was last looked at. */
  #drift: number;
  readonly reserveOptions: ReserveOptions;
  readonly origins: OriginRests;
  readonly rechecks = new Rechecks();
  readonly refusals: Refusals;

  constructor({ options, events, pool, tracker }: PickerParts, host: PickerHost) {
    const { clock, store, leaseMs, session } = options;
    this.#options = options;
    this.#events = events;
    this.#pool = pool;
    this.#store = store;
    this.#tracker = tracker;
    this.#host = host;
    this.#delays = new CountingDelay(clock);
    this.#drift = clock.wall() - clock.monotonic();
    this.#sameClock = store.clock === clock;
    this.#batch = store.candidatesPerReserve ?? candidatesPerReserve;
    this.#width = this.#batch;
    this.reserveOptions = { session, leaseMs, purpose: "request" };
    this.#probeOptions = { ...this.reserveOptions, purpose: "probe" };
    this.origins = new OriginRests(clock);
    this.refusals = new Refusals({ options, tracker, rechecks: this.rechecks, shared: () => host.shared });
  }

  /** One round over the lane's ready groups: a lease, or why none can serve now. */
  pick(lane: Lane, request: AcquireRequest, seen?: Search): Awaitable<Lease | NotNow> {
    if (lane.nextWakeAt() !== Number.POSITIVE_INFINITY) lane.wakeDue(this.#options.clock.monotonic());
    // Buckets show a store the boundaries of the present, also where nothing was refused for long.
    if (this.#tracker.hasCalendars) this.#tracker.refresh(this.#options.clock.wall());
    this.#tracker.restoreDue();
    if (this.#batch !== 1) return this.#pickOfBatch(lane, request);
    let search = seen;
    const plain = isPlain(request) && !this.origins.any;
    for (;;) {
      const slot =
        plain && (search === undefined || search.size === 0) ? lane.first() : this.#chosenSlot(lane, request, search);
      if (slot === -1) {
        if (this.#clockJumped(lane) || this.#looksAtStuck(lane)) continue;
        return search?.notNow(lane, this.#pool) ?? parked(lane, this.#pool);
      }
      const account = this.#pool.accountAt(slot);
      const key = this.#keyOf(account, lane, request);
      if (key === undefined) continue;
      const candidate = this.tokens.fill(this.#candidateOf(key, lane), request, this.#sameClock);
      const answer = this.#store.reserve(this.#listOf(candidate), this.#optionsFor(account));
      if (answer instanceof Promise) return this.#afterAnswer(answer, lane, key, request, search);
      if (answer.granted) {
        lane.took(slot);
        return this.#granted(lane, key, answer, request);
      }
      if (this.refusals.isOutdated()) continue;
      search ??= new Search();
      this.refusals.apply(lane, answer, [key], search);
      if (search.isOver) return search.notNow(lane, this.#pool);
    }
  }

  /**
   * Calendar limits were parked by the monotonic clock: after the wall clock jumped (set anew, or the machine slept) all are
   * asked again.
   */
  #clockJumped(lane: Lane): boolean {
    if (!this.#tracker.hasCalendars) return false;
    const { clock } = this.#options;
    const drift = clock.wall() - clock.monotonic();
    if (Math.abs(drift - this.#drift) < clockJumpMs) return false;
    this.#drift = drift;
    lane.wakeAll();
    return true;
  }

  /** Places that nobody gives back are given up by the store after a time, which it may tell nobody. */
  #looksAtStuck(lane: Lane): boolean {
    if (lane.count(standing.stuck) === 0) return false;
    const now = this.#options.clock.monotonic();
    if (now - lane.stuckSeenAt < lookAtStuckMs) return false;
    lane.stuckSeenAt = now;
    lane.wakeStuck();
    return true;
  }

  /**
   * A store that is asked over a network gets several candidates at once, and two more tries with what it taught. While the
   * first candidate mostly serves, the first question is about few: every one of them costs the store time.
   */
  async #pickOfBatch(from: Lane, request: AcquireRequest): Promise<Lease | NotNow> {
    const { shared } = this.#host;
    let lane = from;
    let search: Search | undefined;
    const asked = new Set<PooledKey>();
    for (let round = 0; round < mostRounds; round++) {
      if (shared !== undefined) {
        shared.look();
        const knowing = shared.before(round);
        if (knowing !== undefined) await knowing;
        // What was learnt may have given the model a lane of its own.
        if (!lane.restsAlone) lane = this.#host.lanes.for(request.model);
        if (lane !== from) lane.wakeDue(this.#options.clock.monotonic());
      }
      const keys = this.#batchOf(lane, request, search, round === 0 ? this.#width : this.#batch);
      if (keys.length === 0 && (this.#clockJumped(lane) || this.#looksAtStuck(lane))) continue;
      if (keys.every((key) => asked.has(key))) break;
      for (const key of keys) asked.add(key);
      const first = keys[0] as PooledKey;
      lane.took(first.account.slot);
      const candidates = keys.map((key) => this.#sharedCandidate(key, lane, request));
      const answer = await this.#store.reserve(candidates, this.#optionsFor(first.account));
      this.#width = widthAfter(answer, this.#width, this.#batch);
      if (answer.granted) {
        if (answer.index !== 0) {
          lane.took((keys[answer.index] as PooledKey).account.slot);
          const { blocked, reservedAt: now } = answer;
          if (blocked !== undefined && !this.refusals.isOutdated()) {
            this.refusals.applyPassed(lane, { granted: false, now, retryAt: null, blocked }, keys);
          }
        }
        return this.#granted(lane, keys[answer.index] as PooledKey, answer, request);
      }
      if (this.refusals.isOutdated()) {
        asked.clear();
        continue;
      }
      search ??= new Search();
      this.refusals.apply(lane, answer, keys, search);
      if (search.isOver) break;
    }
    return search?.notNow(lane, this.#pool) ?? parked(lane, this.#pool);
  }

  /** Another process may have put the model to rest, also where none rested here yet. */
  #sharedCandidate(key: PooledKey, lane: Lane, request: AcquireRequest): Candidate {
    const own = this.#candidateOf(key, lane);
    const { model } = request;
    if (this.#host.shared === undefined || model === undefined || lane.restsAlone) {
      return this.tokens.fill(own, request, false);
    }
    let last = this.#withModel.get(own);
    if (last?.model !== model) {
      const scopes = [...own.scopes, modelScope(key.account.name, model)];
      last = { model, candidate: { ...own, scopes, memo: undefined } };
      this.#withModel.set(own, last);
    }
    return this.tokens.fill(last.candidate, request, false);
  }

  async #afterAnswer(
    answer: Promise<Reservation | Refusal>,
    lane: Lane,
    key: PooledKey,
    request: AcquireRequest,
    seen: Search | undefined,
  ): Promise<Lease | NotNow> {
    const result = await answer;
    if (!result.granted) {
      if (this.refusals.isOutdated()) return this.pick(lane, request, seen);
      const search = seen ?? new Search();
      this.refusals.apply(lane, result, [key], search);
      return search.isOver ? search.notNow(lane, this.#pool) : this.pick(lane, request, search);
    }
    lane.took(key.account.slot);
    return this.#granted(lane, key, result, request);
  }

  #batchOf(lane: Lane, request: AcquireRequest, search: Search | undefined, most: number): PooledKey[] {
    const keys: PooledKey[] = [];
    const { any } = this.origins;
    const wanted = this.#preferredSlot(lane, request, search);
    const listed = this.#slotsFor(lane, request, search, any ? this.#batch : most);
    const slots = wanted === -1 ? listed : [wanted, ...listed.filter((slot) => slot !== wanted)];
    for (const slot of any ? this.#restingLast(slots, wanted) : slots) {
      const key = this.#keyOf(this.#pool.accountAt(slot), lane, request);
      if (key !== undefined && keys.length < most) keys.push(key);
    }
    return keys;
  }

  /** An origin at rest only comes after the others. */
  #restingLast(slots: readonly number[], wanted: number): readonly number[] {
    const isLast = (slot: number): boolean => slot !== wanted && this.origins.restsFor(this.#pool.accountAt(slot));
    return [...slots.filter((slot) => !isLast(slot)), ...slots.filter(isLast)];
  }

  /** Of the account whose key is wanted, while it is ready; -1: there is none. */
  #preferredSlot(lane: Lane, { prefer, account }: AcquireRequest, search: Search | undefined): number {
    const preferred = prefer === undefined || account !== undefined ? undefined : this.#pool.keys.get(prefer);
    if (preferred === undefined) return -1;
    const { slot } = preferred.account;
    return lane.standingOf(slot) === standing.ready && search?.passes(slot) !== true ? slot : -1;
  }

  /** Accounts of the lane that a request may have, in order. */
  #slotsFor(lane: Lane, request: AcquireRequest, search: Search | undefined, most: number): readonly number[] {
    const { account, exclude } = request;
    const own = account === undefined ? undefined : this.#pool.accountOf(account);
    if (own !== undefined) return this.#ownSlot(lane, own.slot, search);
    if (search === undefined || search.size === 0)
      return this.#without(exclude, lane.list((exclude?.size ?? 0) + most));
    // In the order of the beginning, listed once: every look at a strategy's order takes its time.
    search.order ??= this.#without(exclude, lane.list((exclude?.size ?? 0) + search.size + mostTooSmall));
    const left = search.order.filter((slot) => !search.passes(slot) && serves(lane, slot));
    if (left.length === 0 && search.size >= mostTooSmall) {
      search.noLaterThan(this.#options.clock.monotonic() + lookAgainMs);
    }
    return left.slice(0, most);
  }

  /** Those that belong to one account have no other. */
  #ownSlot(lane: Lane, slot: number, search: Search | undefined): readonly number[] {
    return serves(lane, slot) && search?.passes(slot) !== true ? [slot] : [];
  }

  #without(exclude: ReadonlySet<string> | undefined, slots: readonly number[]): readonly number[] {
    return exclude === undefined ? slots : slots.filter((slot) => !exclude.has(this.#pool.accountAt(slot).name));
  }

  /** The slow way to a slot: some accounts are excluded or too small, one is wanted, or an origin rests. */
  #chosenSlot(lane: Lane, request: AcquireRequest, search: Search | undefined): number {
    const wanted = this.#preferredSlot(lane, request, search);
    if (wanted !== -1) return wanted;
    let fallback = -1;
    for (const slot of this.#slotsFor(lane, request, search, candidatesPerReserve)) {
      if (!this.origins.restsFor(this.#pool.accountAt(slot))) return slot;
      if (fallback === -1) fallback = slot;
    }
    return fallback;
  }

  /** The account's next key that does not rest; parks the account when there is none. */
  #keyOf(account: Account, lane: Lane, request: AcquireRequest): PooledKey | undefined {
    const { only, keys } = account;
    if (only?.enabled) return only;
    const now = this.#options.clock.monotonic();
    const restUntil = (key: PooledKey): number => Math.max(key.restUntil, lane.keyRestUntil(key));
    const preferred = keys.find((key) => key.id === request.prefer);
    if (preferred !== undefined && restUntil(preferred) <= now && lane.accepts(preferred)) return preferred;
    let soonest = Number.POSITIVE_INFINITY;
    let freeAt = Number.POSITIVE_INFINITY;
    let refusedOnly = true;
    let isAny = false;
    for (let step = 0; step < keys.length; step++) {
      const place = (account.cursor + step) % keys.length;
      const key = keys[place] as PooledKey;
      if (!lane.accepts(key)) continue;
      const until = restUntil(key);
      if (until <= now) return key;
      isAny = true;
      refusedOnly &&= key.credentialRefused;
      soonest = Math.min(soonest, until);
      freeAt = Math.min(freeAt, key.restUntil > now ? Math.max(key.restFreeAt, until) : until);
    }
    if (soonest !== Number.POSITIVE_INFINITY) {
      lane.park(account.slot, soonest, refusedOnly ? standing.refused : standing.limited, freeAt);
    } else if (isAny) lane.stick(account.slot);
    else lane.leave(account.slot);
    return undefined;
  }

  #candidateOf(key: PooledKey, lane: Lane): OwnCandidate {
    // Only a secret that is fetched can change without anybody telling.
    const fingerprint = key.isDynamic ? key.secret.fingerprint : undefined;
    if (lane.model === undefined) {
      if (key.candidate === undefined || key.candidateFor !== fingerprint) {
        key.candidate = this.#tracker.candidateFor(key, undefined);
        key.candidateFor = fingerprint;
      }
      return key.candidate;
    }
    return lane.candidateOf(key, fingerprint, () => this.#tracker.candidateFor(key, lane.model, lane.restsAlone));
  }

  #granted(lane: Lane, key: PooledKey, reservation: Reservation, request: AcquireRequest): Awaitable<Lease | NotNow> {
    const { account } = key;
    const { slot } = account;
    const now = this.#sameClock ? reservation.reservedAt : this.#options.clock.monotonic();
    // Only now: of the candidates proposed at once, one is used.
    if (account.only === undefined) account.cursor = (account.keys.indexOf(key) + 1) % account.keys.length;
    // This one is the re-check; what it finds decides on the next.
    if (account.recheckAt !== 0 && account.recheckAt <= now) account.recheckAt = 0;
    account.use(now);
    key.used++;
    key.lastUsedAt = now;
    this.#host.inFlight++;
    if (account.only !== undefined && reservation.readyAt > reservation.reservedAt) {
      lane.park(slot, now + (reservation.readyAt - reservation.reservedAt), standing.limited);
    } else if (account.ramp > 0 && account.inFlight >= account.ramp) {
      for (const each of this.#host.lanes) each.hold(slot);
    }
    if (this.#host.countsStreams) for (const each of this.#host.lanes) each.busyChanged(slot);
    const lease = new Lease(
      this.#host.owner,
      key,
      reservation,
      now,
      this.#delays.allowanceFor(this.#host.inFlight, now),
    );
    if (request.model !== undefined) lease.model = request.model;
    return key.isDynamic ? this.#withSecret(lease, lane, request, key.secret.fingerprint) : lease;
  }

  async #withSecret(
    lease: Lease,
    lane: Lane,
    request: AcquireRequest,
    known: string | undefined,
  ): Promise<Lease | NotNow> {
    const { key } = lease;
    try {
      const secret = await untilEnded(key.secret.read(), request, this.#options.clock);
      if (this.#secretFailures.size > 0) this.#secretFailures.delete(key);
      if (known === undefined && key.secret.fingerprint === key.refusedFingerprint) {
        // The very one that was refused: now that it is known, the store says how long it must rest.
        lease.settle({ outcome: "aborted", sent: "no" });
        return this.pick(lane, request);
      }
      return lease.hold(secret);
    } catch (error) {
      lease.settle({ outcome: "aborted", sent: "no" });
      // It may still come: the key is not to blame for a caller who could not wait.
      if (isEnding(error, request)) throw error;
      this.#events.emit("part-failed", { part: "secret", keyId: key.id, error });
      this.#secretFailures.set(key, error);
      key.restUntil = this.#options.clock.monotonic() + this.#options.cooldownMs;
      key.restFreeAt = key.restUntil;
      lane.park(key.account.slot, key.restUntil, standing.limited);
      return this.pick(lane, request);
    }
  }

  #optionsFor(account: Account): ReserveOptions {
    if (account.recheckAt === 0 || account.recheckAt > this.#options.clock.monotonic()) return this.reserveOptions;
    return this.#probeOptions;
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(candidate: Candidate): readonly Candidate[] {
    if (!this.#sameClock) return [candidate];
    this.#alone[0] = candidate;
    return this.#alone as [Candidate];
  }

  /** The latest failure of a key's secret function that still keeps a key from serving. */
  secretFailure(): SecretFailure | undefined {
    const accounts = new Set<Account>();
    let cause: unknown;
    for (const [key, error] of this.#secretFailures) {
      if (this.#pool.keys.get(key.id) !== key) this.#secretFailures.delete(key);
      else {
        cause = error;
        accounts.add(key.account);
      }
    }
    return accounts.size === 0 ? undefined : { cause, accounts: accounts.size };
  }
}

function widthAfter(answer: Reservation | Refusal, width: number, most: number): number {
  if (!answer.granted) return most;
  return answer.index === 0 ? Math.max(1, width >> 1) : Math.min(most, Math.max(width, 2 * (answer.index + 1)));
}

function serves(lane: Lane, slot: number): boolean {
  const now = lane.standingOf(slot);
  return now === standing.ready || now === standing.held;
}

/** Is any account as good as another for it? */
function isPlain({ exclude, prefer, account }: AcquireRequest): boolean {
  return exclude === undefined && prefer === undefined && account === undefined;
}
