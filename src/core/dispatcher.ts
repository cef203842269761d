import type { Candidate, Refusal, Reservation, ReserveOptions, Store } from "../stores/store.ts";
import type { Awaitable, CooldownSource } from "../types.ts";
import { isEnded, untilEnded } from "./bounded-wait.ts";
import { CountingDelay } from "./counting-delay.ts";
import type { EventHub } from "./events.ts";
import { exhaustedError, type PoolStanding, type SecretFailure } from "./exhaustion.ts";
import type { Account, KeyPool, PooledKey } from "./key-pool.ts";
import { type Lane, standing } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import { OriginRests } from "./origin-rests.ts";
import type { RateLimitTracker } from "./rate-limit-tracker.ts";
import type { RequestNames } from "./request-names.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import { isKeyScope } from "./scopes.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** How many candidates one question to a store carries unless the store says otherwise. */
const candidatesPerReserve = 16;
/** Spreads the moments at which waiters try a key that comes back: up to this share of its rest, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;
/** Rests that are guesses are re-checked by a live request when they are long: first after this share of them, milliseconds. */
const recheckShare = 0.25;
const shortestRecheckMs = 60_000;
const longestRecheckMs = 900_000;
/** A wall clock this far off its course was set, or slept; milliseconds. */
const clockJumpMs = 1000;
/** A group coming back from a cooldown may have this many requests under way at first, and twice as many with every success. */
export const rampStart = 1;

export interface DispatcherParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: RateLimitTracker;
  readonly names: RequestNames;
}

/**
 * Gives out keys: asks the lane which account is next, the store whether it may be used, and has those wait for whom there
 * is none.
 */
export class Dispatcher {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #pool: KeyPool;
  readonly #store: Store;
  readonly #tracker: RateLimitTracker;
  readonly #names: RequestNames;
  /** Keys whose secret could not be fetched, with what was thrown. */
  readonly #secretFailures = new Map<PooledKey, unknown>();
  readonly #room: WaitingRoom;
  readonly #delays: CountingDelay;
  readonly #batch: number;
  /** Are the store's times on our own clock? Spares reading it twice, and lists of its own for every question. */
  readonly #sameClock: boolean;
  readonly #alone: [Candidate?] = [];
  /** Does the choice depend on how long answers take to end? */
  readonly countsStreams: boolean;
  readonly reserveOptions: ReserveOptions;
  readonly #probeOptions: ReserveOptions;
  readonly origins: OriginRests;
  lanes: Lanes;
  /** To whom leases are given back. Set once, by whoever puts the parts together. */
  owner: LeaseOwner | undefined;
  /** Leases that are not settled. */
  inFlight = 0;
  /** How far the wall clock was from the monotonic one when that was last looked at. */
  #drift: number;

  constructor({ options, events, pool, tracker, names }: DispatcherParts) {
    const { clock, store, leaseMs } = options;
    this.#options = options;
    this.#events = events;
    this.#pool = pool;
    this.#store = store;
    this.#tracker = tracker;
    this.#names = names;
    this.#delays = new CountingDelay(clock);
    this.#drift = clock.wall() - clock.monotonic();
    this.#sameClock = store.clock === clock;
    this.#batch = store.candidatesPerReserve ?? candidatesPerReserve;
    this.reserveOptions = { session: "local", leaseMs, purpose: "request" };
    this.#probeOptions = { ...this.reserveOptions, purpose: "probe" };
    this.countsStreams = options.strategy.name === "least_busy";
    this.origins = new OriginRests(clock);
    this.#room = new WaitingRoom({
      clock,
      maxWaiting: options.maxWaiting,
      ask: (lane, request) => this.#tryLane(lane, request),
      exhausted: (lane, request) => this.#exhausted(lane, request),
      pollMs: () => 50 + options.random() * 200,
      queued: (request, waiting) => this.#queued(request, waiting),
    });
    this.lanes = this.#makeLanes();
  }

  /** Requests that wait for a key. */
  get waiting(): number {
    return this.#room.size;
  }

  acquire(request: AcquireRequest): Lease | Promise<Lease> {
    const lane = this.lanes.for(request.model);
    if (lane.waiting.size > 0) return this.#room.wait(lane, request, this.#maxWait(request));
    const got = this.#tryLane(lane, request);
    if (got instanceof Lease) return got;
    if (got === null) return this.#room.wait(lane, request, this.#maxWait(request));
    return got.then((lease) => lease ?? this.#room.wait(lane, request, this.#maxWait(request)));
  }

  /** Begins anew with the keys there are now. */
  rebuild(): void {
    this.lanes = this.#makeLanes();
  }

  /** Takes over that an account's keys changed. */
  rejoin(account: Account): void {
    if (account.keys.length === 0) this.lanes.leaveAll(account.slot);
    else this.lanes.joinAll(account);
    this.serveAll();
  }

  /** An account comes last for a time: it serves where nobody else can. */
  holdBack({ slot }: Account, until: number): void {
    for (const lane of this.lanes) lane.hold(slot, until);
  }

  /** Something may have changed for an account: it is asked again, and those who wait are served. */
  wake(slot: number): void {
    this.lanes.wakeAll(slot);
    this.serveAll();
  }

  serveAll(): void {
    for (const lane of this.lanes) if (lane.waiting.size > 0) this.#room.serve(lane);
  }

  /** A request of this account has ended: what it held may serve a waiter. */
  released({ slot }: Account): void {
    if (this.lanes.onlyGeneral) {
      this.#releasedIn(this.lanes.general, slot);
      return;
    }
    for (const lane of this.lanes) this.#releasedIn(lane, slot);
  }

  #releasedIn(lane: Lane, slot: number): void {
    const now = lane.standingOf(slot);
    if (now === standing.held || now === standing.stuck) lane.wake(slot);
    if (this.countsStreams) lane.busyChanged(slot);
    if (lane.waiting.size > 0) this.#room.serve(lane);
  }

  /** A store told that something was freed elsewhere. */
  freed(): void {
    for (const lane of this.lanes) {
      lane.wakeStuck();
      if (lane.waiting.size > 0) this.#room.serve(lane);
    }
  }

  /** Refuses all who wait. */
  empty(reason: Error): void {
    for (const lane of this.lanes) this.#room.empty(lane, reason);
  }

  standing(lane: Lane = this.lanes.general): PoolStanding {
    const wakeAt = lane.nextWakeAt();
    const absent = this.#absentFrom(lane);
    const disabled = Math.min(absent, this.#absentFrom(this.lanes.general));
    return {
      accounts: this.#pool.accountCount,
      ready: lane.count(standing.ready) + lane.count(standing.held),
      limited: lane.count(standing.limited) + lane.count(standing.stuck),
      refused: lane.count(standing.refused),
      disabled,
      unsuitable: absent - disabled,
      wakeInMs: wakeAt === Number.POSITIVE_INFINITY ? null : Math.max(0, wakeAt - this.#options.clock.monotonic()),
    };
  }

  #maxWait(request: AcquireRequest): number {
    const { maxWaitMs, clock } = this.#options;
    const waitMs = request.maxWaitMs ?? maxWaitMs;
    return request.deadline === undefined ? waitMs : Math.min(waitMs, request.deadline - clock.wall());
  }

  #makeLanes(): Lanes {
    const { strategy, clock, random } = this.#options;
    return new Lanes(this.#pool, strategy, { groups: this.#pool, clock, random });
  }

  /** One round over the lane's ready groups: a lease, `null` when none can serve now. */
  #tryLane(lane: Lane, request: AcquireRequest): Awaitable<Lease | null> {
    if (lane.nextWakeAt() !== Number.POSITIVE_INFINITY) lane.wakeDue(this.#options.clock.monotonic());
    if (this.#batch !== 1) return this.#tryBatch(lane, request);
    const plain = request.exclude === undefined && request.prefer === undefined && !this.origins.any;
    for (;;) {
      const slot = plain ? lane.first() : this.#chosenSlot(lane, request);
      if (slot === -1) {
        if (this.#clockJumped(lane)) continue;
        return null;
      }
      const account = this.#pool.accountAt(slot);
      const key = this.#keyOf(account, lane, request);
      if (key === undefined) continue;
      const candidate = this.#candidateOf(key, lane);
      const answer = this.#store.reserve(this.#listOf(candidate), this.#optionsFor(account));
      if (answer instanceof Promise) return this.#afterAnswer(answer, lane, [key], request);
      if (answer.granted) {
        lane.took(slot);
        return this.#granted(lane, key, answer, request);
      }
      this.#refused(lane, answer, [key]);
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

  /** A store that is asked over a network gets several candidates at once, and two more tries with what it taught. */
  async #tryBatch(lane: Lane, request: AcquireRequest): Promise<Lease | null> {
    for (let round = 0; round < 3; round++) {
      const keys = this.#batchOf(lane, request);
      if (keys.length === 0 && this.#clockJumped(lane)) continue;
      if (keys.length === 0) return null;
      const first = keys[0] as PooledKey;
      lane.took(first.account.slot);
      const candidates = keys.map((key) => this.#candidateOf(key, lane));
      const answer = await this.#store.reserve(candidates, this.#optionsFor(first.account));
      if (answer.granted) {
        if (answer.index !== 0) lane.took((keys[answer.index] as PooledKey).account.slot);
        return this.#granted(lane, keys[answer.index] as PooledKey, answer, request);
      }
      this.#refused(lane, answer, keys);
    }
    return null;
  }

  async #afterAnswer(
    answer: Promise<Reservation | Refusal>,
    lane: Lane,
    keys: readonly PooledKey[],
    request: AcquireRequest,
  ): Promise<Lease | null> {
    const result = await answer;
    if (result.granted) {
      lane.took((keys[result.index] as PooledKey).account.slot);
      return this.#granted(lane, keys[result.index] as PooledKey, result, request);
    }
    this.#refused(lane, result, keys);
    return this.#tryLane(lane, request);
  }

  #batchOf(lane: Lane, request: AcquireRequest): PooledKey[] {
    const keys: PooledKey[] = [];
    const skipped = request.exclude?.size ?? 0;
    for (const slot of lane.list(this.#batch + skipped)) {
      const account = this.#pool.accountAt(slot);
      if (request.exclude?.has(account.name)) continue;
      const key = this.#keyOf(account, lane, request);
      if (key !== undefined && keys.length < this.#batch) keys.push(key);
    }
    if (request.prefer !== undefined)
      keys.sort((a, b) => Number(b.id === request.prefer) - Number(a.id === request.prefer));
    return keys;
  }

  /** The slow way to a slot: some accounts are excluded, one is preferred, or an origin rests. */
  #chosenSlot(lane: Lane, request: AcquireRequest): number {
    const preferred = request.prefer === undefined ? undefined : this.#pool.keys.get(request.prefer);
    if (preferred !== undefined && lane.standingOf(preferred.account.slot) === standing.ready) {
      return preferred.account.slot;
    }
    const slots = lane.list((request.exclude?.size ?? 0) + candidatesPerReserve);
    let fallback = -1;
    for (const slot of slots) {
      const account = this.#pool.accountAt(slot);
      if (request.exclude?.has(account.name)) continue;
      if (!this.origins.restsFor(account)) return slot;
      if (fallback === -1) fallback = slot;
    }
    return fallback;
  }

  /** The account's next key that does not rest; parks the account when there is none. */
  #keyOf(account: Account, lane: Lane, request: AcquireRequest): PooledKey | undefined {
    const { only, keys } = account;
    if (only?.enabled) return only;
    const now = this.#options.clock.monotonic();
    const preferred = keys.find((key) => key.id === request.prefer);
    if (preferred !== undefined && preferred.restUntil <= now && lane.accepts(preferred)) return preferred;
    let soonest = Number.POSITIVE_INFINITY;
    let refusedOnly = true;
    for (let step = 0; step < keys.length; step++) {
      const place = (account.cursor + step) % keys.length;
      const key = keys[place] as PooledKey;
      if (!lane.accepts(key)) continue;
      if (key.restUntil <= now) return key;
      refusedOnly &&= key.credentialRefused;
      soonest = Math.min(soonest, key.restUntil);
    }
    if (soonest === Number.POSITIVE_INFINITY) lane.leave(account.slot);
    else lane.park(account.slot, soonest, refusedOnly ? standing.refused : standing.limited);
    return undefined;
  }

  #candidateOf(key: PooledKey, lane: Lane): Candidate {
    // Only a secret that is fetched can change without anybody telling.
    const fingerprint = key.isDynamic ? key.secret.fingerprint : undefined;
    if (lane.model === undefined) {
      if (key.candidate === undefined || key.candidateFor !== fingerprint) {
        key.candidate = this.#tracker.candidateFor(key, undefined);
        key.candidateFor = fingerprint;
      }
      return key.candidate;
    }
    return lane.candidateOf(key, fingerprint, () => this.#tracker.candidateFor(key, lane.model));
  }

  #granted(lane: Lane, key: PooledKey, reservation: Reservation, request: AcquireRequest): Awaitable<Lease | null> {
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
    this.inFlight++;
    if (account.only !== undefined && reservation.readyAt > reservation.reservedAt) {
      lane.park(slot, now + (reservation.readyAt - reservation.reservedAt), standing.limited);
    } else if (account.ramp > 0 && account.inFlight >= account.ramp) {
      for (const each of this.lanes) each.hold(slot);
    }
    if (this.countsStreams) for (const each of this.lanes) each.busyChanged(slot);
    const lease = new Lease(
      this.owner as LeaseOwner,
      key,
      reservation,
      now,
      this.#delays.allowanceFor(this.inFlight, now),
    );
    if (request.model !== undefined) lease.model = request.model;
    return key.isDynamic ? this.#withSecret(lease, lane, request, key.secret.fingerprint) : lease;
  }

  async #withSecret(
    lease: Lease,
    lane: Lane,
    request: AcquireRequest,
    known: string | undefined,
  ): Promise<Lease | null> {
    const { key } = lease;
    try {
      const secret = await untilEnded(key.secret.read(), request, this.#options.clock);
      if (this.#secretFailures.size > 0) this.#secretFailures.delete(key);
      if (known === undefined && key.secret.fingerprint === key.refusedFingerprint) {
        // The very one that was refused: now that it is known, the store says how long it must rest.
        lease.settle({ outcome: "aborted", sent: "no" });
        return this.#tryLane(lane, request);
      }
      return lease.hold(secret);
    } catch (error) {
      lease.settle({ outcome: "aborted", sent: "no" });
      // It may still come: the key is not to blame for a caller who could not wait.
      if (isEnded(request, this.#options.clock)) throw error;
      this.#events.emit("part-failed", { part: "secret", error });
      this.#secretFailures.set(key, error);
      key.restUntil = this.#options.clock.monotonic() + this.#options.cooldownMs;
      lane.park(key.account.slot, key.restUntil, standing.limited);
      return this.#tryLane(lane, request);
    }
  }

  /** Corrects what the lane believed with what the store said. */
  #refused(lane: Lane, refusal: Refusal, keys: readonly PooledKey[]): void {
    // Judged by windows that have passed: to be asked again.
    if (this.#tracker.hasCalendars && this.#tracker.refresh(this.#options.clock.wall())) return;
    const now = this.#options.clock.monotonic();
    for (const { index, by, until, source, reason } of refusal.blocked) {
      const key = keys[index] as PooledKey;
      const { account } = key;
      if (until === null) {
        lane.stick(account.slot);
        continue;
      }
      const cooled = source !== undefined;
      const waitMs = until - refusal.now;
      const endsAt = now + waitMs + (cooled ? this.#jitter(waitMs) : 0);
      const wakeAt = mayRecheck(source) ? this.recheckAt(account, now, endsAt) : endsAt;
      if (cooled) account.ramp = rampStart;
      const refusedCredential = reason === "invalid_key";
      if (isKeyScope(by)) {
        key.restUntil = wakeAt;
        key.credentialRefused = refusedCredential;
        if (account.keys.length > 1) continue;
      }
      lane.park(account.slot, wakeAt, refusedCredential ? standing.refused : standing.limited);
    }
  }

  /**
   * When a long guess is put to the test: by a live request, which goes on to another account at once if the guess holds. The
   * store lets one such probe through at a time over all processes.
   */
  recheckAt(account: Account, now: number, endsAt: number): number {
    if (endsAt - now <= shortestRecheckMs) return endsAt;
    if (account.recheckAt <= now) {
      const stepMs = Math.min(Math.max((endsAt - now) * recheckShare, shortestRecheckMs), longestRecheckMs);
      account.recheckAt = now + stepMs;
    }
    return Math.min(account.recheckAt, endsAt);
  }

  #optionsFor(account: Account): ReserveOptions {
    if (account.recheckAt === 0 || account.recheckAt > this.#options.clock.monotonic()) return this.reserveOptions;
    return this.#probeOptions;
  }

  #jitter(waitMs: number): number {
    return this.#options.random() * Math.min(waitMs * wakeJitterShare, wakeJitterMs);
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(candidate: Candidate): readonly Candidate[] {
    if (!this.#sameClock) return [candidate];
    this.#alone[0] = candidate;
    return this.#alone as [Candidate];
  }

  #exhausted(lane: Lane, request: AcquireRequest): Error {
    const error = exhaustedError(this.standing(lane), this.#options.clock, this.#secretFailure());
    if (this.#events.wants("pool-exhausted")) {
      const { retryAfterMs, reasons } = error;
      this.#events.emit("pool-exhausted", { requestId: this.#names.of(request), retryAfterMs, reasons });
    }
    return error;
  }

  /** The latest failure of a key's secret function that still keeps a key from serving. */
  #secretFailure(): SecretFailure | undefined {
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

  #absentFrom(lane: Lane): number {
    const { absent: _, ...present } = standing;
    return Object.values(present).reduce((left, each) => left - lane.count(each), this.#pool.accountCount);
  }

  #queued(request: AcquireRequest, waiting: number): void {
    if (!this.#events.wants("request-queued")) return;
    this.#events.emit("request-queued", { requestId: this.#names.of(request), waiting });
  }
}

/** Only guesses, and credit that may have been topped up. */
export function mayRecheck(source: CooldownSource | undefined): boolean {
  return source === "heuristic" || source === "credit";
}
