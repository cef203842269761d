import { AllKeysExhaustedError } from "../errors.ts";
import type { ReserveOptions } from "../limits/store.ts";
import type { EventHub } from "./events.ts";
import { exhaustedError, type PoolStanding } from "./exhaustion.ts";
import type { Account, KeyPool } from "./keys/key-pool.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import { Picker, type PickerHost, type PickerParts } from "./picker.ts";
import { Affinity } from "./ready/affinity.ts";
import { type Lane, standing } from "./ready/lane.ts";
import { Lanes } from "./ready/lanes.ts";
import { NotNow } from "./ready/not-now.ts";
import type { OriginRests } from "./ready/origin-rests.ts";
import type { RequestNames } from "./request-names.ts";
import { type AcquireRequest, isShared, type ResolvedRotatorOptions } from "./rotator-options.ts";
import { SharedRests } from "./shared/shared-rests.ts";
import type { OrderingStrategy } from "./strategies/strategy.ts";
import type { TokenAmounts } from "./token-amounts.ts";
import { untilEnded } from "./waiting/bounded-wait.ts";
import { WaitingRoom } from "./waiting/waiting-room.ts";

/** How much rarer a store is asked that tells of what is given back; milliseconds. */
const untoldMs = 950;

/** Where a request stands. */
export interface Outlook {
  readonly lane: Lane;
  /** The account a conversation belongs to. */
  readonly home: Account | undefined;
  readonly tokens: TokenAmounts;
  readonly reserveOptions: ReserveOptions;
}

/** How the accounts stand for a model with a lane of its own. */
export interface ModelStanding {
  /** The model, or one of those that share their limits. */
  readonly model: string;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  /** Milliseconds until the next resting account is due for it; `null` when none rests. */
  readonly nextReadyInMs: number | null;
}

export interface DispatcherParts extends PickerParts {
  readonly names: RequestNames;
}

/**
 * Gives out keys: finds the lane of a request, has a key picked there, and has those wait for whom there is none.
 */
export class Dispatcher implements PickerHost {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #pool: KeyPool;
  readonly #names: RequestNames;
  readonly #room: WaitingRoom;
  readonly #affinity: Affinity;
  readonly picker: Picker;
  /** What processes that share the store know of rests. */
  readonly shared: SharedRests | undefined;
  lanes: Lanes;
  strategy: OrderingStrategy;
  /** Set once, by whoever puts the parts together. */
  #owner: LeaseOwner | undefined;
  /** Leases that are not settled. */
  inFlight = 0;

  constructor(parts: DispatcherParts) {
    const { options, events, pool, names } = parts;
    const { clock, maxWaiting, random, strategy, store } = options;
    // A store that tells of releases is asked only because reservations may expire, which nobody tells.
    const isTold = store.watch !== undefined;
    this.#options = options;
    this.#events = events;
    this.#pool = pool;
    this.#names = names;
    this.#affinity = new Affinity(pool);
    this.strategy = strategy;
    this.shared = isShared(store) ? new SharedRests(parts, this) : undefined;
    this.picker = new Picker(parts, this);
    this.#room = new WaitingRoom({
      clock,
      maxWaiting,
      ask: (lane, request) => this.picker.pick(lane, request),
      dueAt: (lane, request, last) => this.#dueAt(lane, request, last),
      areAlike: (one, other) => one.model === other.model && !pool.countsTokens && other.account === undefined,
      exhausted: (lane, request, last) => this.#exhausted(lane, request, last),
      pollMs: () => (isTold ? untoldMs : 0) + 50 + random() * 200,
      queued: (request, waiting) => this.#queued(request, waiting),
      isElsewhere: (lane, { model }) => this.shared !== undefined && this.lanes.for(model) !== lane,
      look: () => this.shared?.look() === true,
    });
    this.lanes = this.#makeLanes();
  }

  /** Does the order change when a request ends? */
  get countsStreams(): boolean {
    return this.strategy.name === "least_busy";
  }

  /** Chooses by another strategy from now on. */
  useStrategy(strategy: OrderingStrategy): void {
    this.strategy = strategy;
    this.lanes.useStrategy(strategy);
  }

  get owner(): LeaseOwner {
    return this.#owner as LeaseOwner;
  }

  set owner(owner: LeaseOwner) {
    this.#owner = owner;
  }

  get reserveOptions(): ReserveOptions {
    return this.picker.reserveOptions;
  }

  get origins(): OriginRests {
    return this.picker.origins;
  }

  /** Requests that wait for a key. */
  get waiting(): number {
    return this.#room.size;
  }

  acquire(request: AcquireRequest): Lease | Promise<Lease> {
    const lane = this.lanes.for(request.model);
    return request.affinity === undefined ? this.#acquireIn(lane, request) : this.#acquireNear(lane, request);
  }

  /** Where a request stands, and takes nothing. */
  outlook(request: AcquireRequest): Outlook {
    const lane = this.lanes.for(request.model);
    lane.wakeDue(this.#options.clock.monotonic());
    const { tokens, reserveOptions } = this.picker;
    return { lane, home: this.#homeOf(lane, request), tokens, reserveOptions };
  }

  /** The account a conversation belongs to. */
  #homeOf(lane: Lane, { affinity, account, exclude }: AcquireRequest): Account | undefined {
    if (affinity === undefined || account !== undefined) return undefined;
    const mayServe = ({ slot, name }: Account): boolean =>
      lane.standingOf(slot) !== standing.absent && exclude?.has(name) !== true;
    return this.#affinity.accountFor(affinity, this.inFlight, mayServe);
  }

  #acquireIn(lane: Lane, request: AcquireRequest): Lease | Promise<Lease> {
    if (lane.waiting.size > 0) return this.#room.wait(lane, request, this.#maxWait(request));
    const got = this.picker.pick(lane, request);
    if (got instanceof Lease) return got;
    const arrival = this.#room.arrive();
    if (got instanceof NotNow) return this.#room.wait(lane, request, this.#maxWait(request), arrival, got);
    return this.#unlessEnded(got, request).then((answer) => {
      if (answer instanceof Lease) return answer;
      // The answer may have shown that its model has a lane of its own.
      const own = lane.restsAlone ? lane : this.lanes.for(request.model);
      return this.#room.wait(own, request, this.#maxWait(request), arrival, answer);
    });
  }

  /** A store over a network may take long, or hang: the caller's signal and time end that at once. */
  #unlessEnded(picked: Promise<Lease | NotNow>, request: AcquireRequest): Promise<Lease | NotNow> {
    const late = (answer: Lease | NotNow): void => {
      if (answer instanceof Lease) answer.settle({ outcome: "aborted", sent: "no" });
    };
    return Promise.resolve(untilEnded(picked, request, this.#options.clock, late));
  }

  /** First the account the conversation belongs to, then whichever can serve: it belongs to that one from then on. */
  async #acquireNear(lane: Lane, request: AcquireRequest): Promise<Lease> {
    const affinity = request.affinity as string;
    const home = this.#homeOf(lane, request);
    const lease =
      (home === undefined ? null : await this.#acquireAt(home, lane, request)) ?? this.#acquireIn(lane, request);
    const got = await lease;
    this.#affinity.served(affinity, got.key.account);
    return got;
  }

  /** A key of this account: now, or as soon as a conversation may wait for it. */
  async #acquireAt(home: Account, lane: Lane, request: AcquireRequest): Promise<Lease | null> {
    const trial = pinnedTo(home.name, request);
    const picked = this.picker.pick(lane, trial);
    const got = picked instanceof Promise ? await this.#unlessEnded(picked, trial) : picked;
    const waitMs = Math.min(this.#options.stickyWaitMs, this.#maxWait(request));
    if (got instanceof Lease) return got;
    if (waitMs <= 0) return null;
    try {
      return await this.#room.wait(lane, trial, waitMs, this.#room.arrive(), got);
    } catch (error) {
      if (AllKeysExhaustedError.isInstance(error)) return null;
      throw error;
    }
  }

  /** Begins anew with the keys there are now. */
  rebuild(): void {
    this.lanes = this.#makeLanes();
  }

  /** Takes over that an account's keys changed. */
  rejoin(account: Account): void {
    if (account.keys.length === 0) this.lanes.leaveAll(account.slot);
    else this.lanes.joinAll(account);
    this.shared?.joined(account);
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
  released(account: Account): void {
    if (this.lanes.onlyGeneral) {
      this.#releasedIn(this.lanes.general, account);
      return;
    }
    for (const lane of this.lanes) this.#releasedIn(lane, account);
  }

  #releasedIn(lane: Lane, account: Account): void {
    const { slot } = account;
    const now = lane.standingOf(slot);
    if (now === standing.held || now === standing.stuck) lane.wake(slot);
    else lane.freeKeys(account);
    if (this.#pool.countsTogether && lane.waiting.size > 0) lane.wakeOneStuck();
    if (this.countsStreams) lane.busyChanged(slot);
    if (lane.waiting.size > 0) this.#room.serve(lane);
  }

  /** A store told that something was freed elsewhere, or that it can be asked again. */
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

  /** How the accounts stand for models with a lane of their own. */
  modelStandings(): readonly ModelStanding[] {
    const standings: ModelStanding[] = [];
    for (const lane of this.lanes) {
      if (lane.model === undefined) continue;
      const { ready, limited, refused, wakeInMs } = this.standing(lane);
      standings.push({ model: lane.model, ready, limited, refused, nextReadyInMs: wakeInMs });
    }
    return standings;
  }

  standing(lane: Lane = this.lanes.general, roomAt = Number.POSITIVE_INFINITY): PoolStanding {
    const ready = lane.count(standing.ready) + lane.count(standing.held);
    const freeAt = Math.min(lane.nextFreeAt(), lane.count(standing.ready) > 0 ? roomAt : Number.POSITIVE_INFINITY);
    const isLimited = freeAt !== Number.POSITIVE_INFINITY || ready + lane.count(standing.stuck) > 0;
    const absent = this.#absentFrom(lane);
    const disabled = Math.min(absent, this.#absentFrom(this.lanes.general));
    return {
      accounts: this.#pool.accountCount,
      ready,
      limited: lane.count(standing.limited) + lane.count(standing.stuck),
      refused: lane.count(standing.refused),
      disabled,
      unsuitable: absent - disabled,
      wakeInMs: this.#until(isLimited ? freeAt : lane.nextWakeAt()),
      isLimited,
    };
  }

  #maxWait(request: AcquireRequest): number {
    const { maxWaitMs, clock } = this.#options;
    const waitMs = request.maxWaitMs ?? maxWaitMs;
    return request.deadline === undefined ? waitMs : Math.min(waitMs, request.deadline - clock.wall());
  }

  #makeLanes(): Lanes {
    const { clock, random } = this.#options;
    const context = { groups: this.#pool, clock, random };
    return new Lanes(this.#pool, this.strategy, context, (lane) => this.shared?.teach(lane));
  }

  /** Of a request that belongs to one account, only that one counts. */
  #standingFor(lane: Lane, { account }: AcquireRequest, roomAt: number): PoolStanding {
    const own = account === undefined ? undefined : this.#pool.accountOf(account);
    if (own === undefined) return this.standing(lane, roomAt);
    const is = (...standings: number[]): number => Number(standings.includes(lane.standingOf(own.slot)));
    const freeAt = lane.standingOf(own.slot) === standing.ready ? roomAt : lane.freeAtOf(own.slot);
    const isLimited = freeAt !== Number.POSITIVE_INFINITY || is(standing.ready, standing.held, standing.stuck) > 0;
    return {
      accounts: 1,
      ready: is(standing.ready, standing.held),
      limited: is(standing.limited, standing.stuck),
      refused: is(standing.refused),
      disabled: is(standing.absent),
      unsuitable: 0,
      wakeInMs: this.#until(isLimited ? freeAt : lane.wakeAtOf(own.slot)),
      isLimited,
      only: own.name,
    };
  }

  /** Milliseconds; `null` where no time is known. */
  #until(at: number): number | null {
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, at - this.#options.clock.monotonic());
  }

  /** When it may be served at the earliest, as far as is known; -Infinity: at any moment. */
  #dueAt(lane: Lane, request: AcquireRequest, last: NotNow | undefined): number {
    const roomAt = last?.roomAt ?? Number.POSITIVE_INFINITY;
    // It may be back at any moment.
    if (last?.storeAway === true && lane.count(standing.ready) > 0) return Number.NEGATIVE_INFINITY;
    const own = request.account === undefined ? undefined : this.#pool.accountOf(request.account);
    if (own !== undefined) {
      const now = lane.standingOf(own.slot);
      if (now === standing.absent) return Number.POSITIVE_INFINITY;
      const isParked = now === standing.limited || now === standing.refused;
      return isParked && !this.#mayGiveBack ? lane.wakeAtOf(own.slot) : Number.NEGATIVE_INFINITY;
    }
    if (lane.count(standing.stuck) + lane.count(standing.held) > 0 || this.#mayGiveBack)
      return Number.NEGATIVE_INFINITY;
    if (lane.count(standing.ready) === 0) return lane.nextWakeAt();
    return roomAt === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(lane.nextWakeAt(), roomAt);
  }

  /** Requests under way may have reserved more tokens than they use. */
  get #mayGiveBack(): boolean {
    return this.#pool.countsTokens && this.inFlight > 0;
  }

  #exhausted(lane: Lane, request: AcquireRequest, last: NotNow | undefined): Error {
    const standing = this.#standingFor(lane, request, last?.roomAt ?? Number.POSITIVE_INFINITY);
    const pool = { ...standing, isStoreAway: last?.storeAway };
    const error = exhaustedError(pool, this.#options.clock, this.picker.secretFailure());
    if (request.isTrial !== true && this.#events.wants("pool-exhausted")) {
      const { retryAfterMs, reasons } = error;
      this.#events.emit("pool-exhausted", { requestId: this.#names.of(request), retryAfterMs, reasons });
    }
    return error;
  }

  #absentFrom(lane: Lane): number {
    const { absent: _, ...present } = standing;
    return Object.values(present).reduce((left, each) => left - lane.count(each), this.#pool.accountCount);
  }

  #queued(request: AcquireRequest, waiting: number): void {
    if (request.isTrial === true || !this.#events.wants("request-queued")) return;
    this.#events.emit("request-queued", { requestId: this.#names.of(request), waiting });
  }
}

/** The same request, for one account only, which nobody is told of. */
function pinnedTo(account: string, request: AcquireRequest): AcquireRequest {
  const { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline } = request;
  return { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline, account, isTrial: true };
}
