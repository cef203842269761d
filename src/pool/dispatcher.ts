import { AllKeysExhaustedError } from "../errors.ts";
import type { RequestShape } from "../judgement/provider.ts";
import type { ReserveOptions } from "../limits/store.ts";
import { type Asker, Questions } from "./asking/asker.ts";
import { Batched } from "./asking/batched.ts";
import { Choice } from "./asking/choice.ts";
import { Grants } from "./asking/grants.ts";
import { OneByOne } from "./asking/one-by-one.ts";
import { Refusals } from "./asking/refusals.ts";
import { TokenAmounts } from "./asking/token-amounts.ts";
import type { EventHub } from "./events.ts";
import { exhaustedError } from "./exhaustion.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { Account } from "./keys/pooled-key.ts";
import { type AskedRequest, Lease, type LeaseOwner } from "./lease.ts";
import type { Readiness, ReadinessParts } from "./readiness.ts";
import { Affinity } from "./ready/affinity.ts";
import { availability } from "./ready/availability.ts";
import { NotNow } from "./ready/not-now.ts";
import type { ReadySet } from "./ready/ready-set.ts";
import type { RequestNames } from "./request-names.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import { abortReason, untilEnded } from "./waiting/bounded-wait.ts";
import type { Waiting } from "./waiting/line.ts";

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
  readonly #affinity: Affinity;
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
    this.#affinity = new Affinity(pool);
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
    const readySet = this.#readiness.readySets.for(request.model);
    if (isNear) return this.#acquireNear(readySet, request);
    if (readySet.waiting > 0) return this.#wait(readySet, request, undefined);
    const got = this.#asker.pick(readySet, request);
    return got instanceof Lease ? got : this.#acquireLater(readySet, request, got);
  }

  /** Where a request stands, and takes nothing. */
  outlook(request: AcquireRequest): Outlook {
    const readySet = this.#readiness.readySets.for(request.model);
    readySet.wakeDue(this.#options.clock.monotonic());
    const home = this.#homeOf(readySet, request);
    return { readySet, home, tokens: this.#tokens, reserveOptions: this.questions.request };
  }

  /** The account a conversation belongs to. */
  #homeOf(readySet: ReadySet, { affinity, account, exclude }: AcquireRequest): Account | undefined {
    if (affinity === undefined || account !== undefined) return undefined;
    const mayServe = (of: Account): boolean =>
      readySet.availabilityOf(of.slot) !== availability.absent && (exclude === undefined || !of.isIn(exclude));
    return this.#affinity.accountFor(affinity, this.#readiness.inFlight, mayServe);
  }

  /** There is nothing yet, or the store takes its time. */
  #acquireLater(readySet: ReadySet, request: AcquireRequest, got: NotNow | Promise<Lease | NotNow>): Promise<Lease> {
    if (got instanceof NotNow) return this.#wait(readySet, request, got);
    const arrival = this.#readiness.queue.arrive();
    return this.#unlessEnded(got, request).then((answer) => {
      if (answer instanceof Lease) return answer;
      // The answer may have shown that its model has a ready set of its own.
      const own = readySet.coolsAlone ? readySet : this.#readiness.readySets.for(request.model);
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

  /** First the account the conversation belongs to, then whichever can serve: it belongs to that one from then on. */
  async #acquireNear(readySet: ReadySet, request: AcquireRequest): Promise<Lease> {
    const affinity = request.affinity as string;
    const home = this.#homeOf(readySet, request);
    const atHome = home === undefined ? null : await this.#acquireAt(home, readySet, request);
    const lease = atHome ?? (await this.acquire(request, false));
    this.#affinity.record(affinity, lease.key.account);
    return lease;
  }

  /** A key of this account: now, or as soon as a conversation may wait for it. */
  async #acquireAt(home: Account, readySet: ReadySet, request: AcquireRequest): Promise<Lease | null> {
    const trial = pinnedTo(home.name, request);
    const picked = this.#asker.pick(readySet, trial);
    const got = picked instanceof Promise ? await this.#unlessEnded(picked, trial) : picked;
    if (got instanceof Lease) return got;
    const waitMs = Math.min(this.#options.stickyWaitMs, this.#maxWait(request));
    if (waitMs <= 0) return null;
    try {
      return await this.#wait(readySet, trial, got, this.#readiness.queue.arrive(), waitMs);
    } catch (error) {
      if (AllKeysExhaustedError.isInstance(error)) return null;
      throw error;
    }
  }

  #wait(
    readySet: ReadySet,
    request: AcquireRequest,
    last: NotNow | undefined,
    arrival = this.#readiness.queue.arrive(),
    maxWaitMs = this.#maxWait(request),
  ): Promise<Lease> {
    const { signal } = request;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const { queue } = this.#readiness;
    const deadline = this.#options.clock.monotonic() + maxWaitMs;
    const isFull = queue.size >= this.#options.maxWaiting;
    if (maxWaitMs <= 0 || isFull || this.#dueAt(readySet, request, last) > deadline) {
      return Promise.reject(this.#exhausted(readySet, request, last));
    }
    return queue.wait(readySet, this.#waiting(readySet, request), deadline, arrival, last);
  }

  #waiting(readySet: ReadySet, request: AcquireRequest): WaitingRequest {
    const { model, account, exclude, signal, priority = 0 } = request;
    const { shared } = this.#readiness;
    return {
      signal,
      priority,
      model,
      isPinned: account !== undefined,
      ask: () => this.#asker.pick(readySet, request),
      dueAt: (last) => this.#dueAt(readySet, request, last),
      queued: (waiting) => this.#onQueued(request, waiting),
      exhausted: (last) => this.#exhausted(readySet, request, last),
      isBeside: () =>
        exclude !== undefined ||
        account !== undefined ||
        (shared !== undefined && this.#readiness.readySets.for(model) !== readySet),
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
    const pool = { ...availability, isStoreAway: last?.storeAway };
    const error = exhaustedError(pool, this.#options.clock, this.#grants.secretFailure());
    if (request.isTrial !== true && this.#events.wants("pool-exhausted")) {
      const { retryAfterMs, reasons } = error;
      this.#events.emit("pool-exhausted", { requestId: this.#names.of(request), retryAfterMs, reasons });
    }
    return error;
  }

  #onQueued(request: AcquireRequest, waiting: number): void {
    if (!this.#events.isHeard || request.isTrial === true) return;
    this.#events.emit("request-queued", { requestId: this.#names.of(request), waiting });
  }
}

/** A request in the wait queue. */
interface WaitingRequest extends Waiting<Lease> {
  readonly model: string | undefined;
  readonly isPinned: boolean;
  isLike(other: WaitingRequest): boolean;
}

/** The same request, for one account only, which nobody is told of. */
function pinnedTo(account: string, request: AskedRequest): AskedRequest {
  const { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline, tags, origin } = request;
  const findModel = (shape: RequestShape): string | undefined => request.findModel?.(shape);
  const asked = { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline };
  return Object.assign(asked, { tags, origin, findModel, account, isTrial: true });
}
