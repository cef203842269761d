import type { ReserveOptions } from "../limits/store.ts";
import type { Awaitable } from "../types.ts";
import { type Asker, Questions } from "./asking/asker.ts";
import { Batched } from "./asking/batched.ts";
import { Choice } from "./asking/choice.ts";
import { Grants } from "./asking/grants.ts";
import { NearHome } from "./asking/near-home.ts";
import { OneByOne } from "./asking/one-by-one.ts";
import { Refusals } from "./asking/refusals.ts";
import { TokenAmounts } from "./asking/token-amounts.ts";
import type { EventHub } from "./events.ts";
import { exhaustedError, unservedModel } from "./exhaustion.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { Account } from "./keys/pooled-key.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import type { Readiness, ReadinessParts } from "./readiness.ts";
import { availability } from "./ready/availability.ts";
import { NotNow } from "./ready/not-now.ts";
import type { ReadySet } from "./ready/ready-set.ts";
import type { RequestNames } from "./request-names.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import { abortReason, untilEnded } from "./waiting/bounded-wait.ts";
import { mayServe, type Waiting } from "./waiting/line.ts";

/** How many candidates one question to a store carries unless the store says otherwise. */
const candidatesPerReserve = 16;

export interface DispatcherParts extends ReadinessParts {
  readonly names: RequestNames;
  readonly readiness: Readiness;
  /** To whom leases are given back. */
  readonly owner: LeaseOwner;
}

/** Where a request stands. */
export interface Outlook {
  readonly readySet: ReadySet;
  /** The account a conversation belongs to. */
  readonly home: Account | undefined;
  readonly tokens: TokenAmounts;
  readonly reserveOptions: ReserveOptions;
}

/**
 * Gives out keys: finds the ready set of a request, has a key picked there, and has those wait for whom there is none.
 */
export class Dispatcher {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #pool: KeyPool;
  readonly #names: RequestNames;
  readonly #readiness: Readiness;
  /** Made for the first request that belongs somewhere. */
  #nearHome: NearHome | undefined;
  readonly #asker: Asker;
  readonly #grants: Grants;
  readonly #tokens = new TokenAmounts();
  readonly questions: Questions;

  constructor(parts: DispatcherParts) {
    const { options, pool, tracker, readiness } = parts;
    const { clock, store } = options;
    const { shared, breakers } = readiness;
    this.#options = options;
    this.#events = parts.events;
    this.#pool = pool;
    this.#names = parts.names;
    this.#readiness = readiness;
    this.questions = new Questions(options.leaseMs);
    const { owner } = parts;
    this.#grants = new Grants({ options, events: parts.events, pool, limits: tracker, owner, host: readiness });
    const asking = {
      options,
      pool,
      tracker,
      choice: new Choice(clock, pool, breakers),
      breakers,
      refusals: new Refusals({ clock, tracker, pool, breakers, shared }),
      grants: this.#grants,
      owner,
      tokens: this.#tokens,
      questions: this.questions,
    };
    const most = store.candidatesPerReserve ?? candidatesPerReserve;
    this.#asker = most === 1 ? new OneByOne(asking) : new Batched({ ...asking, host: readiness, shared }, most);
  }

  acquire(request: AcquireRequest, isNear = request.affinity !== undefined): Lease | Promise<Lease> {
    const readySet = this.#readiness.readySets.for(request.model, request.only);
    if (isNear) return this.#near().acquire(readySet, request, this.#stickyWait(request));
    if (readySet.waiting > 0) return this.#wait(readySet, request, undefined);
    const got = this.#asker.pick(readySet, request);
    if (got instanceof Lease) return got;
    return got instanceof NotNow ? this.#wait(readySet, request, got) : this.#acquireLater(readySet, request, got);
  }

  /** Where a request stands, and takes nothing. */
  outlook(request: AcquireRequest): Outlook {
    const readySet = this.#readiness.readySets.for(request.model, request.only);
    readySet.wakeDue(this.#options.clock.monotonic());
    const home = request.affinity === undefined ? undefined : this.#near().homeOf(readySet, request);
    return { readySet, home, tokens: this.#tokens, reserveOptions: this.questions.request };
  }

  #near(): NearHome {
    this.#nearHome ??= new NearHome(this.#pool, this.#readiness, {
      pick: (readySet, request) => {
        const picked = this.#asker.pick(readySet, request);
        return picked instanceof Promise ? this.#unlessEnded(picked, request) : picked;
      },
      wait: (readySet, request, last, maxWaitMs) =>
        this.#wait(readySet, request, last, this.#readiness.queue.arrive(), maxWaitMs),
      acquire: (request) => this.acquire(request, false),
    });
    return this.#nearHome;
  }

  /** How long a request may wait for the account it belongs to. */
  #stickyWait(request: AcquireRequest): number {
    return Math.min(this.#options.stickyWaitMs, this.#maxWait(request));
  }

  /** The store takes its time. */
  #acquireLater(readySet: ReadySet, request: AcquireRequest, got: Promise<Lease | NotNow>): Promise<Lease> {
    const arrival = this.#readiness.queue.arrive();
    return this.#unlessEnded(got, request).then((answer) => {
      if (answer instanceof Lease) return answer;
      // The answer may have shown that its model has a ready set of its own.
      const own = readySet.coolsAlone ? readySet : this.#readiness.readySets.for(request.model, request.only);
      return this.#wait(own, request, answer, arrival);
    });
  }

  /** A store over a network may take long, or hang: the caller's signal and time end that at once. */
  #unlessEnded(picked: Promise<Lease | NotNow>, request: AcquireRequest): Promise<Lease | NotNow> {
    const late = (answer: Lease | NotNow): void => {
      if (answer instanceof Lease) answer.settle({ outcome: "aborted", sent: "no" });
    };
    return Promise.resolve(untilEnded(picked, request, this.#options.clock, late));
  }

  #wait(
    readySet: ReadySet,
    request: AcquireRequest,
    last: NotNow | undefined,
    arrival = this.#readiness.queue.arrive(),
    maxWaitMs = this.#maxWait(request),
  ): Promise<Lease> {
    if (request.signal?.aborted) return Promise.reject(abortReason(request.signal));
    const { queue } = this.#readiness;
    const deadline = this.#options.clock.monotonic() + maxWaitMs;
    const isFull = queue.size >= this.#options.maxWaiting;
    if (maxWaitMs <= 0 || isFull || this.#dueAt(readySet, request, last) > deadline) {
      return this.#atOnce(readySet, request, last);
    }
    return queue.wait(readySet, this.#waiting(readySet, request), deadline, arrival, last);
  }

  /** It cannot be kept waiting for what has just come back from a cooldown: it is sent, if that is all there is. */
  async #atOnce(readySet: ReadySet, request: AcquireRequest, last: NotNow | undefined): Promise<Lease> {
    const asked = this.#askLast(readySet, request, last);
    const got = asked instanceof Promise ? await this.#unlessEnded(asked, request) : asked;
    if (got instanceof Lease) return got;
    throw this.#exhausted(readySet, request, got ?? last);
  }

  /** Asks also for what is held back; `undefined`: nothing is. */
  #askLast(
    readySet: ReadySet,
    request: AcquireRequest,
    last: NotNow | undefined,
  ): Awaitable<Lease | NotNow> | undefined {
    if (this.#readiness.breakers.size === 0) return undefined;
    // What was held back may have been woken for somebody else since.
    const isWoken = last?.reason !== "limited" && last?.reason !== "refused" && mayServe(readySet);
    if (!isWoken && readySet.count(availability.blocked) === 0) return undefined;
    readySet.wakeBlocked();
    return this.#asker.pick(readySet, request, true);
  }

  #waiting(readySet: ReadySet, request: AcquireRequest): WaitingRequest {
    const { model, account, exclude, signal, priority = 0 } = request;
    return {
      signal,
      priority,
      model,
      isPinned: account !== undefined,
      ask: () => this.#asker.pick(readySet, request),
      askLast: (last) => this.#askLast(readySet, request, last),
      dueAt: (last) => this.#dueAt(readySet, request, last),
      queued:
        this.#events.isHeard && request.isTrial !== true ? (waiting) => this.#onQueued(request, waiting) : undefined,
      exhausted: (last) => this.#exhausted(readySet, request, last),
      isBeside: () =>
        exclude !== undefined ||
        account !== undefined ||
        (this.#readiness.shared !== undefined && this.#readiness.readySets.for(model, request.only) !== readySet),
      isLike: (other) => !this.#pool.countsTokens && model === other.model && !other.isPinned,
    };
  }

  #maxWait(request: AcquireRequest): number {
    const { maxWaitMs, clock } = this.#options;
    const waitMs = request.maxWaitMs ?? maxWaitMs;
    return request.deadline === undefined ? waitMs : Math.min(waitMs, request.deadline - clock.wall());
  }

  /** When it may be served at the earliest, as far as is known; -Infinity: at any moment. */
  #dueAt(readySet: ReadySet, request: AcquireRequest, last: NotNow | undefined): number {
    const roomAt = last?.roomAt ?? Number.POSITIVE_INFINITY;
    // It may be back at any moment.
    if (last?.storeAway === true && readySet.count(availability.ready) > 0) return Number.NEGATIVE_INFINITY;
    const own = request.account === undefined ? undefined : this.#pool.accountOf(request.account);
    if (own !== undefined) {
      const now = readySet.availabilityOf(own.slot);
      if (now === availability.absent) return Number.POSITIVE_INFINITY;
      const isParked = now === availability.limited || now === availability.refused;
      return isParked && !this.#mayGiveBack ? readySet.wakes.timeOf(own.slot) : Number.NEGATIVE_INFINITY;
    }
    if (readySet.count(availability.blocked) + readySet.count(availability.deprioritized) > 0 || this.#mayGiveBack)
      return Number.NEGATIVE_INFINITY;
    if (readySet.count(availability.ready) === 0) return readySet.wakes.nextAt;
    return roomAt === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(readySet.wakes.nextAt, roomAt);
  }

  /** Requests under way may have reserved more tokens than they use. */
  get #mayGiveBack(): boolean {
    return this.#pool.countsTokens && this.#readiness.inFlight > 0;
  }

  #exhausted(readySet: ReadySet, request: AcquireRequest, last: NotNow | undefined): Error {
    const availability = this.#readiness.availabilityFor(
      readySet,
      request.account,
      last?.roomAt ?? Number.POSITIVE_INFINITY,
    );
    const unserved = unservedModel(request.model, this.#pool);
    const pool = { ...availability, isStoreAway: last?.storeAway, unserved };
    const error = exhaustedError(pool, this.#options.clock, this.#grants.secretFailure());
    if (request.isTrial !== true && unserved === undefined && this.#events.wants("pool-exhausted")) {
      const { retryAfterMs, reasons } = error;
      this.#events.emit("pool-exhausted", { requestId: this.#names.of(request), retryAfterMs, reasons });
    }
    return error;
  }

  #onQueued(request: AcquireRequest, waiting: number): void {
    this.#events.emit("request-queued", { requestId: this.#names.of(request), waiting });
  }
}

/** A request in the wait queue. */
interface WaitingRequest extends Waiting<Lease> {
  readonly model: string | undefined;
  readonly isPinned: boolean;
  isLike(other: WaitingRequest): boolean;
}
