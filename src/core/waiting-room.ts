import type { Awaitable, Clock } from "../types.ts";
import { type Lane, standing } from "./lane.ts";
import type { Lease } from "./lease.ts";
import type { AcquireRequest } from "./rotator-options.ts";
import type { Waiter } from "./waiting-line.ts";

export interface WaitingRoomOptions {
  readonly clock: Clock;
  readonly maxWaiting: number;
  /** Tries to serve a request now. */
  readonly ask: (lane: Lane, request: AcquireRequest) => Awaitable<Lease | null>;
  /** The error for a request that waited in vain. */
  readonly exhausted: (lane: Lane, request: AcquireRequest) => Error;
  /** How long until a store is asked again for something only a release elsewhere can free. */
  readonly pollMs: () => number;
  readonly queued: (request: AcquireRequest, waiting: number) => void;
}

/**
 * Requests that wait for a key: served first come first, woken when the next key is due or one is given back, refused as
 * soon as nothing can free in time. Every waiter settles.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  size = 0;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  wait(lane: Lane, request: AcquireRequest, maxWaitMs: number): Promise<Lease> {
    const { signal } = request;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const now = this.#options.clock.monotonic();
    const deadline = now + maxWaitMs;
    const full = this.size >= this.#options.maxWaiting;
    if (maxWaitMs <= 0 || full || this.#isHopeless(lane, deadline)) {
      return Promise.reject(this.#options.exhausted(lane, request));
    }
    return new Promise((resolve, reject) => {
      const waiter = this.#enter(lane, request, now, deadline, resolve, reject);
      this.#options.queued(request, this.size);
      lane.waiting.push(waiter);
      this.#goOn(lane);
    });
  }

  /** Gives what is free to those who wait, in order. */
  serve(lane: Lane): void {
    const line = lane.waiting;
    if (line.asking) return;
    for (const waiter of line) {
      const got = this.#ask(lane, waiter);
      if (got instanceof Promise) {
        line.asking = true;
        got.then(
          (lease) => this.#answered(lane, waiter, lease),
          (error: unknown) => this.#failed(lane, waiter, error),
        );
        return;
      }
      // Somebody who refuses some accounts must not hold up those who would take them.
      if (got === null && waiter.request.exclude === undefined) break;
      if (got !== null) waiter.grant(got);
    }
    this.#afterServing(lane);
  }

  /** Refuses all who wait in a lane. */
  empty(lane: Lane, reason: Error): void {
    for (const waiter of lane.waiting) waiter.refuse(reason);
    this.#disarm(lane);
  }

  #ask(lane: Lane, waiter: Waiter): Awaitable<Lease | null> {
    try {
      return this.#options.ask(lane, waiter.request);
    } catch (error) {
      waiter.refuse(error);
      return null;
    }
  }

  #answered(lane: Lane, waiter: Waiter, lease: Lease | null): void {
    lane.waiting.asking = false;
    if (lease === null) {
      this.#goOn(lane);
      return;
    }
    if (waiter.settled) lease.settle({ outcome: "aborted", sent: "no" });
    else waiter.grant(lease);
    this.serve(lane);
  }

  #failed(lane: Lane, waiter: Waiter, error: unknown): void {
    lane.waiting.asking = false;
    waiter.refuse(error);
    this.serve(lane);
  }

  #enter(
    lane: Lane,
    request: AcquireRequest,
    since: number,
    deadline: number,
    resolve: (lease: Lease) => void,
    reject: (reason: unknown) => void,
  ): Waiter {
    const { signal } = request;
    this.size++;
    const leave = (): boolean => {
      if (waiter.settled) return false;
      waiter.settled = true;
      this.size--;
      cancelDeadline();
      signal?.removeEventListener("abort", onAbort);
      lane.waiting.left();
      if (lane.waiting.size === 0) this.#disarm(lane);
      return true;
    };
    const refuse = (reason: unknown): void => {
      if (leave()) reject(reason);
    };
    const onAbort = (): void => refuse(signal?.reason);
    const cancelDeadline = this.#options.clock.timer(
      () => refuse(this.#options.exhausted(lane, request)),
      deadline - since,
    );
    const waiter: Waiter = {
      request,
      deadline,
      since,
      settled: false,
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

  /** A round of questions over a network may end before every ready group was asked: then the next one begins. */
  #goOn(lane: Lane): void {
    const isAskedAgain = lane.count(standing.ready) > 0 && lane.waiting.first()?.request.exclude === undefined;
    if (isAskedAgain) this.serve(lane);
    else this.#afterServing(lane);
  }

  #afterServing(lane: Lane): void {
    const next = lane.nextWakeAt();
    if (lane.waiting.size > 0 && next !== lane.waiting.timerAt) {
      for (const waiter of lane.waiting) {
        if (this.#isHopeless(lane, waiter.deadline)) waiter.refuse(this.#options.exhausted(lane, waiter.request));
      }
    }
    this.#arm(lane);
  }

  /** Nothing is due before the deadline, and nobody can give back what is missing. */
  #isHopeless(lane: Lane, deadline: number): boolean {
    return (
      lane.nextWakeAt() > deadline &&
      lane.count(standing.stuck) === 0 &&
      lane.count(standing.ready) === 0 &&
      lane.count(standing.held) === 0
    );
  }

  #arm(lane: Lane): void {
    const line = lane.waiting;
    if (line.size === 0) {
      this.#disarm(lane);
      return;
    }
    const now = this.#options.clock.monotonic();
    let at = lane.nextWakeAt();
    if (lane.count(standing.stuck) > 0) at = Math.min(at, Math.max(line.timerAt, now) + this.#options.pollMs());
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
