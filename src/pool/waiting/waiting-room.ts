import type { Awaitable, Clock } from "../../types.ts";
import type { Lease } from "../lease.ts";
import { type Lane, standing } from "../ready/lane.ts";
import { NotNow } from "../ready/not-now.ts";
import type { AcquireRequest } from "../rotator-options.ts";
import { abortReason } from "./bounded-wait.ts";
import type { Waiter } from "./waiting-line.ts";

export interface WaitingRoomOptions {
  readonly clock: Clock;
  readonly maxWaiting: number;
  /** Tries to serve a request now. */
  readonly ask: (lane: Lane, request: AcquireRequest) => Awaitable<Lease | NotNow>;
  /** When a request may be served at the earliest, as far as is known; monotonic, and -Infinity for any moment. */
  readonly dueAt: (lane: Lane, request: AcquireRequest, last: NotNow | undefined) => number;
  /** Can the one be served with what the other was given? */
  readonly areAlike: (one: AcquireRequest, other: AcquireRequest) => boolean;
  /** The error for a request that waited in vain. */
  readonly exhausted: (lane: Lane, request: AcquireRequest, last: NotNow | undefined) => Error;
  /** How long until a store is asked again for something only a release elsewhere can free. */
  readonly pollMs: () => number;
  readonly queued: (request: AcquireRequest, waiting: number) => void;
  /** Is it to be served from another lane than the one it waits in? Then it stands beside the line. */
  readonly isElsewhere: (lane: Lane, request: AcquireRequest) => boolean;
  /** Looks for what other processes changed; tells whether there is anything they could have. */
  readonly look: () => boolean;
}

/** A request for much is overtaken so often by those for less, then everybody waits for it. */
const mostOvertakings = 8;

/** A store that is asked over a network is asked for so many at once. */
const mostAsked = 64;
/** Where timers end with the request that set them, each waiter looks after the lane itself, so often at most. */
const shortestWatchMs = 50;
const longestWatchMs = 1_000;
/** A store is asked ever more rarely for what nobody gave back for long: by this share of that time, at most so late. */
const pollShare = 0.05;
const longestPollMs = 10_000;

/**
 * Requests that wait for a key: served by priority and first come first, woken when the next key is due or one is given back,
 * refused as soon as nothing can free in time. Every waiter settles.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  size = 0;
  #arrivals = 0;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /** Numbers a request by when it came. */
  arrive(): number {
    return ++this.#arrivals;
  }

  /**
   * @param arrival the request's number
   * @param last what was found when it was asked for, where it was
   */
  wait(lane: Lane, request: AcquireRequest, maxWaitMs: number, arrival = this.arrive(), last?: NotNow): Promise<Lease> {
    const { signal } = request;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const now = this.#options.clock.monotonic();
    const deadline = now + maxWaitMs;
    const full = this.size >= this.#options.maxWaiting;
    if (maxWaitMs <= 0 || full || this.#options.dueAt(lane, request, last) > deadline) {
      return Promise.reject(this.#options.exhausted(lane, request, last));
    }
    return new Promise((resolve, reject) => {
      const waiter = this.#enter(lane, request, arrival, now, deadline, last, resolve, reject);
      this.#options.queued(request, this.size);
      if (lane.waiting.size === 0) lane.waiting.servedAt = now;
      lane.waiting.push(waiter);
      const roomAt = last?.roomAt ?? Number.POSITIVE_INFINITY;
      lane.waiting.roomAt = Math.min(lane.waiting.roomAt, roomAt);
      const mayBeServed = lane.count(standing.ready) + lane.count(standing.held) > 0;
      if (mayBeServed && roomAt === Number.POSITIVE_INFINITY) this.serve(lane);
      else this.#afterServing(lane);
    });
  }

  /** Gives what is free to those who wait, in order. */
  serve(lane: Lane): void {
    const line = lane.waiting;
    if (line.asking > 0) {
      line.again = true;
      return;
    }
    line.again = false;
    line.isDry = false;
    line.round++;
    line.roomAt = Number.POSITIVE_INFINITY;
    this.#serveRound(lane);
  }

  /** Refuses all who wait in a lane. */
  empty(lane: Lane, reason: Error): void {
    for (const waiter of lane.waiting) waiter.refuse(reason);
    this.#disarm(lane);
  }

  /** Goes on with those who were not asked for yet in this round. */
  #serveRound(lane: Lane): void {
    const line = lane.waiting;
    const passed: Waiter[] = [];
    for (const waiter of line) {
      if (line.isDry || line.asking >= this.#mostAskedBehind(passed, waiter)) break;
      if (waiter.round === line.round) {
        if (!this.#isBeside(lane, waiter)) passed.push(waiter);
        continue;
      }
      waiter.round = line.round;
      const got = this.#ask(lane, waiter);
      if (got instanceof Promise) {
        line.asking++;
        got.then(
          (answer) => this.#answered(lane, waiter, answer),
          (error: unknown) => this.#failed(lane, waiter, error),
        );
        if (!this.#isBeside(lane, waiter)) passed.push(waiter);
      } else if (got !== undefined && !this.#goesOn(lane, waiter, got, passed)) line.isDry = true;
    }
    if (line.asking === 0) this.#afterServing(lane);
  }

  /** Hands a waiter what there was for it, and tells whether the next one may be asked for. */
  #goesOn(lane: Lane, waiter: Waiter, got: Lease | NotNow, passed: Waiter[]): boolean {
    if (!(got instanceof NotNow)) {
      lane.waiting.servedAt = this.#options.clock.monotonic();
      waiter.grant(got);
      for (const ahead of passed) ahead.overtaken++;
      return passed.every(({ overtaken }) => overtaken < mostOvertakings);
    }
    waiter.last = got;
    if (got.roomAt !== Number.POSITIVE_INFINITY && this.#options.dueAt(lane, waiter.request, got) > waiter.deadline) {
      waiter.refuse(this.#options.exhausted(lane, waiter.request, got));
      return !got.closed;
    }
    lane.waiting.roomAt = Math.min(lane.waiting.roomAt, got.roomAt);
    // Somebody who refuses some accounts must not hold up those who would take them.
    if (this.#isBeside(lane, waiter)) return true;
    if (got.roomAt === Number.POSITIVE_INFINITY || got.closed) return false;
    passed.push(waiter);
    return waiter.overtaken < mostOvertakings && passed.length < mostOvertakings;
  }

  /** `undefined`: it could not be asked for, and is told so. */
  #ask(lane: Lane, waiter: Waiter): Awaitable<Lease | NotNow> | undefined {
    try {
      return this.#options.ask(lane, waiter.request);
    } catch (error) {
      waiter.refuse(error);
      return undefined;
    }
  }

  #answered(lane: Lane, asker: Waiter, got: Lease | NotNow): void {
    const line = lane.waiting;
    line.asking--;
    // Answers overtake each other; those who came first are served first all the same.
    const waiter = got instanceof NotNow ? asker : this.#firstLike(lane, asker);
    if (waiter !== asker) asker.round = -1;
    // A round of questions over a network may end before every ready group was asked.
    if (got instanceof NotNow && this.#hasUnasked(lane, asker, got)) asker.round = -1;
    else if (!this.#goesOn(lane, waiter, got, this.#passedBy(lane, waiter))) line.isDry = true;
    this.#goOn(lane);
  }

  #failed(lane: Lane, waiter: Waiter, error: unknown): void {
    lane.waiting.asking--;
    waiter.refuse(error);
    this.#goOn(lane);
  }

  /** With nobody left to wait for an answer, what changed meanwhile is looked at in a round of its own. */
  #goOn(lane: Lane): void {
    const line = lane.waiting;
    if (line.asking === 0 && line.again) this.serve(lane);
    else this.#serveRound(lane);
  }

  /** Whoever is asked for may overtake those ahead that want something else. */
  #mostAskedBehind(ahead: readonly Waiter[], waiter: Waiter): number {
    let most = mostAsked;
    for (const { overtaken, request } of ahead) {
      if (!this.#options.areAlike(request, waiter.request)) most = Math.min(most, mostOvertakings - overtaken);
    }
    return most;
  }

  #firstLike(lane: Lane, asker: Waiter): Waiter {
    for (const ahead of lane.waiting) {
      if (ahead === asker) break;
      if (!this.#isBeside(lane, ahead) && this.#options.areAlike(ahead.request, asker.request)) return ahead;
    }
    return asker;
  }

  #hasUnasked(lane: Lane, waiter: Waiter, { closed, roomAt }: NotNow): boolean {
    const mayBe = !closed && lane.count(standing.ready) > 0 && roomAt === Number.POSITIVE_INFINITY;
    return mayBe && !this.#isBeside(lane, waiter);
  }

  #isBeside(lane: Lane, { request }: Waiter): boolean {
    return isChoosy(request) || this.#options.isElsewhere(lane, request);
  }

  /** Those ahead that wanted more than there was. */
  #passedBy(lane: Lane, waiter: Waiter): Waiter[] {
    const passed: Waiter[] = [];
    for (const ahead of lane.waiting) {
      if (ahead === waiter) break;
      if (ahead.round === lane.waiting.round && !this.#isBeside(lane, ahead)) passed.push(ahead);
    }
    return passed;
  }

  #enter(
    lane: Lane,
    request: AcquireRequest,
    arrival: number,
    since: number,
    deadline: number,
    last: NotNow | undefined,
    resolve: (lease: Lease) => void,
    reject: (reason: unknown) => void,
  ): Waiter {
    const { signal } = request;
    this.size++;
    const leave = (): boolean => {
      if (waiter.settled) return false;
      waiter.settled = true;
      this.size--;
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
      lane.waiting.left();
      if (lane.waiting.size === 0) this.#disarm(lane);
      return true;
    };
    const refuse = (reason: unknown): void => {
      if (leave()) reject(reason);
    };
    const onAbort = (): void => refuse(abortReason(signal));
    const { clock } = this.#options;
    const late = (): void => refuse(this.#options.exhausted(lane, request, waiter.last));
    let cancelTimer = (): void => {};
    const watch = (): void => {
      const now = clock.monotonic();
      if (now >= deadline) late();
      else if (lane.waiting.timerAt <= now) this.#due(lane);
      if (waiter.settled) return;
      const nextMs = Math.min(Math.max(lane.waiting.timerAt - now, shortestWatchMs), longestWatchMs);
      cancelTimer = clock.timer(watch, Math.min(nextMs, deadline - now));
    };
    cancelTimer =
      clock.timersEndWithRequest === true
        ? clock.timer(watch, Math.min(shortestWatchMs, deadline - since))
        : clock.timer(late, deadline - since);
    const waiter: Waiter = {
      request,
      priority: request.priority ?? 0,
      arrival,
      deadline,
      since,
      settled: false,
      overtaken: 0,
      round: -1,
      last,
      refuse,
      grant: (lease) => {
        lease.waitedMs = this.#options.clock.monotonic() - since;
        if (leave()) resolve(lease);
        else lease.settle({ outcome: "aborted", sent: "no" });
      },
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    return waiter;
  }

  #afterServing(lane: Lane): void {
    const line = lane.waiting;
    if (line.size > 0 && this.#nextAt(lane) !== line.timerAt) {
      for (const waiter of line) {
        const last = waiter.round === line.round ? waiter.last : undefined;
        if (this.#options.dueAt(lane, waiter.request, last) > waiter.deadline) {
          waiter.refuse(this.#options.exhausted(lane, waiter.request, last));
        }
      }
    }
    this.#arm(lane);
  }

  #nextAt(lane: Lane): number {
    return Math.min(lane.nextWakeAt(), lane.waiting.roomAt);
  }

  #arm(lane: Lane): void {
    const line = lane.waiting;
    if (line.size === 0) {
      this.#disarm(lane);
      return;
    }
    const now = this.#options.clock.monotonic();
    let at = this.#nextAt(lane);
    if (lane.count(standing.stuck) > 0 || this.#options.look()) {
      // The next look is not put off by those who come meanwhile.
      const isSet = line.timerAt > now && line.timerAt <= now + longestPollMs;
      const laterMs = Math.min(longestPollMs, (now - line.servedAt) * pollShare);
      at = Math.min(at, isSet ? line.timerAt : now + laterMs + this.#options.pollMs());
    }
    if (at === line.timerAt) return;
    this.#disarm(lane);
    if (at === Number.POSITIVE_INFINITY) return;
    line.timerAt = at;
    line.cancelTimer = this.#options.clock.timer(() => this.#due(lane), Math.max(0, at - now));
  }

  #due(lane: Lane): void {
    lane.waiting.timerAt = Number.POSITIVE_INFINITY;
    lane.waiting.cancelTimer = undefined;
    lane.wakeDue(this.#options.clock.monotonic());
    lane.wakeStuck();
    this.serve(lane);
  }

  #disarm(lane: Lane): void {
    lane.waiting.cancelTimer?.();
    lane.waiting.cancelTimer = undefined;
    lane.waiting.timerAt = Number.POSITIVE_INFINITY;
  }
}

/** Does it want certain accounts only? */
function isChoosy({ exclude, account }: AcquireRequest): boolean {
  return exclude !== undefined || account !== undefined;
}
