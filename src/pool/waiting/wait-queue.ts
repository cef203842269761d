/*
 * The queue of those who wait for a key. Every ready set in which somebody waits has a line: by priority, then first come
 * first. A line is served in rounds, in which each of its waiters is asked for once, from the front:
 *
 * | the line is          | what happens                 | what follows                                                  |
 * | -------------------- | ---------------------------- | ------------------------------------------------------------- |
 * | idle                 | `serve`: something changed   | a round begins: the first waiter is asked for                 |
 * | in a round           | served                       | the next, unless somebody ahead was overtaken too often       |
 * | in a round           | too large                    | it is passed by: the next, unless too many are (`overtaking`) |
 * | in a round           | nothing, or closed           | dry: nobody behind can be served either                       |
 * | in a round           | the answer takes its time    | asking: the next meanwhile, up to a bound                     |
 * | asking               | an answer                    | as above; the last one ends the round                         |
 * | asking               | `serve`                      | another round follows this one                                |
 * | at the end of it     |                              | refused is who cannot be served in time; a timer is set       |
 *
 * Whoever wants certain accounts only holds up nobody. A late answer is given to the first who would take it. Every waiter settles.
 */

import type { Awaitable, Clock } from "../../types.ts";
import { NotNow } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import { abortReason } from "./bounded-wait.ts";
import {
  firstLike,
  type Granted,
  hasUnasked,
  isBefore,
  Line,
  mayServe,
  nextAt,
  nextWatchMs,
  type PollingHost,
  passedBy,
  timerFor,
  timesOvertaken,
  unlike,
  Waiter,
  type Waiting,
} from "./line.ts";
import { type Answer, mayGoOn, mostAskedBehind } from "./overtaking.ts";

export class WaitQueue<Lease extends Granted> {
  readonly #clock: Clock;
  readonly #host: PollingHost;
  readonly #lines = new Map<ReadySet, Line<Lease>>();
  #size = 0;
  #arrivals = 0;

  constructor(clock: Clock, host: PollingHost) {
    this.#clock = clock;
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  arrive(): number {
    return ++this.#arrivals;
  }

  /**
   * @param arrival the request's number
   * @param last what was found when it was asked for, where it was
   */
  wait(readySet: ReadySet, request: Waiting<Lease>, deadline: number, arrival: number, last?: NotNow): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const since = this.#clock.monotonic();
      const line = this.#lineOf(readySet, since);
      const waiter = new Waiter(request, arrival, since, deadline, resolve, reject);
      waiter.last = last;
      this.#enter(line, waiter);
      request.queued?.(this.#size);
      if (waiter.isSettled) return;
      const roomAt = last?.roomAt ?? Number.POSITIVE_INFINITY;
      line.roomAt = Math.min(line.roomAt, roomAt);
      if (roomAt === Number.POSITIVE_INFINITY && mayServe(readySet)) this.#serve(line);
      else this.#endRound(line);
    });
  }

  /** Gives what is free to those who wait in a ready set, in order. */
  serve(readySet: ReadySet): void {
    if (readySet.waiting > 0) this.#serve(this.#lines.get(readySet) as Line<Lease>);
  }

  serveAll(): void {
    for (const line of [...this.#lines.values()]) if (line.waiters.length > 0) this.#serve(line);
  }

  /** Refuses all who wait. */
  empty(reason: Error): void {
    for (const line of [...this.#lines.values()]) {
      for (const waiter of [...line.waiters]) this.#refuse(line, waiter, reason);
    }
  }

  #lineOf(readySet: ReadySet, now: number): Line<Lease> {
    let line = this.#lines.get(readySet);
    if (line === undefined) {
      line = new Line(readySet, now);
      this.#lines.set(readySet, line);
    } else if (line.waiters.length === 0) line.servedAt = now;
    return line;
  }

  #enter(line: Line<Lease>, waiter: Waiter<Lease>): void {
    const { waiters } = line;
    let place = waiters.length;
    while (place > 0 && isBefore(waiter, waiters[place - 1] as Waiter<Lease>)) place--;
    waiters.splice(place, 0, waiter);
    this.#size++;
    line.readySet.waiting++;
    const { deadline, since } = waiter;
    const { signal } = waiter.request;
    if (signal) waiter.onAbort = () => this.#refuse(line, waiter, abortReason(signal));
    signal?.addEventListener("abort", waiter.onAbort, { once: true });
    if (this.#clock.timersEndWithRequest === true) this.#watchAgain(line, waiter, since);
    else waiter.cancelTimer = this.#clock.timer(() => this.#onDeadline(line, waiter), deadline - since);
  }

  /** It waits no longer; tells whether it still did. */
  #leave(line: Line<Lease>, waiter: Waiter<Lease>): boolean {
    if (waiter.isSettled) return false;
    waiter.isSettled = true;
    waiter.cancelTimer();
    waiter.request.signal?.removeEventListener("abort", waiter.onAbort);
    line.waiters.splice(line.waiters.indexOf(waiter), 1);
    this.#size--;
    line.readySet.waiting--;
    if (line.waiters.length === 0) this.#close(line);
    return true;
  }

  /** Nobody waits in it any more. While a store is being asked, it stays for the answers. */
  #close(line: Line<Lease>): void {
    line.disarm();
    if (line.asking === 0) this.#lines.delete(line.readySet);
  }

  #refuse(line: Line<Lease>, waiter: Waiter<Lease>, reason: unknown): void {
    if (this.#leave(line, waiter)) waiter.reject(reason);
  }

  #onDeadline(line: Line<Lease>, waiter: Waiter<Lease>): void {
    if (!waiter.isSettled) this.#conclude(line, waiter, waiter.request.askLast?.(waiter.last));
  }

  #conclude(line: Line<Lease>, waiter: Waiter<Lease>, got: Awaitable<Lease | NotNow> | undefined): void {
    if (got instanceof Promise) {
      got.then(
        (late) => this.#conclude(line, waiter, late),
        (error: unknown) => this.#refuse(line, waiter, error),
      );
    } else if (got !== undefined && !(got instanceof NotNow)) this.#grant(line, waiter, got);
    else if (!waiter.isSettled) this.#refuse(line, waiter, waiter.request.exhausted(got ?? waiter.last));
  }

  #grant(line: Line<Lease>, waiter: Waiter<Lease>, lease: Lease): void {
    const now = this.#clock.monotonic();
    line.servedAt = now;
    lease.waitedMs = now - waiter.since;
    if (this.#leave(line, waiter)) waiter.resolve(lease);
    else lease.settle({ outcome: "aborted", sent: "no" });
  }

  #serve(line: Line<Lease>): void {
    if (line.asking > 0) {
      line.isToServeAgain = true;
      return;
    }
    line.isToServeAgain = false;
    line.isDry = false;
    line.round++;
    line.roomAt = Number.POSITIVE_INFINITY;
    this.#goOn(line);
  }

  /** Asks for those that were not asked for yet in this round. */
  #goOn(line: Line<Lease>): void {
    const { waiters } = line;
    const ahead: Waiter<Lease>[] = [];
    for (let place = 0; place < waiters.length && !line.isDry; ) {
      const waiter = waiters[place] as Waiter<Lease>;
      if (waiter.round !== line.round) {
        if (line.asking > 0 && line.asking >= mostAskedBehind(unlike(ahead, waiter))) break;
        waiter.round = line.round;
        this.#ask(line, waiter, ahead);
      }
      // Whoever was served or refused is gone from its place.
      if (waiters[place] !== waiter) continue;
      place++;
      if (!waiter.request.isBeside()) ahead.push(waiter);
    }
    if (line.asking === 0) this.#endRound(line);
  }

  #ask(line: Line<Lease>, waiter: Waiter<Lease>, ahead: readonly Waiter<Lease>[]): void {
    let got: Awaitable<Lease | NotNow>;
    try {
      got = waiter.request.ask();
    } catch (error) {
      this.#refuse(line, waiter, error);
      return;
    }
    if (!(got instanceof Promise)) {
      if (!this.#take(line, waiter, got, ahead)) line.isDry = true;
      return;
    }
    line.asking++;
    got.then(
      (answer) => this.#onAnswer(line, waiter, answer),
      (error: unknown) => {
        line.asking--;
        this.#refuse(line, waiter, error);
        this.#afterAnswer(line);
      },
    );
  }

  #onAnswer(line: Line<Lease>, asker: Waiter<Lease>, got: Lease | NotNow): void {
    line.asking--;
    const isUnasked = got instanceof NotNow && hasUnasked(line.readySet, asker, got);
    // Answers overtake each other; those who came first are served first all the same.
    const waiter = got instanceof NotNow ? asker : firstLike(line, asker);
    if (isUnasked || waiter !== asker) asker.round = -1;
    if (!isUnasked && !this.#take(line, waiter, got, passedBy(line, waiter))) line.isDry = true;
    this.#afterAnswer(line);
  }

  /** With nobody left to wait for an answer, what changed meanwhile is looked at in a round of its own. */
  #afterAnswer(line: Line<Lease>): void {
    if (line.waiters.length === 0 && line.asking === 0) this.#close(line);
    else if (line.asking === 0 && line.isToServeAgain) this.#serve(line);
    else this.#goOn(line);
  }

  /** Hands a waiter what there was for it, and tells whether the next one may be asked for. */
  #take(line: Line<Lease>, waiter: Waiter<Lease>, got: Lease | NotNow, ahead: readonly Waiter<Lease>[]): boolean {
    let answer: Answer = "served";
    if (got instanceof NotNow) {
      waiter.last = got;
      answer = got.roomAt === Number.POSITIVE_INFINITY || got.closed ? "nothing" : "too-large";
      if (got.roomAt !== Number.POSITIVE_INFINITY && waiter.request.dueAt(got) > waiter.deadline) {
        this.#onDeadline(line, waiter);
        return !got.closed;
      }
      line.roomAt = Math.min(line.roomAt, got.roomAt);
      // Somebody who refuses some accounts must not hold up those who would take them.
      if (waiter.request.isBeside()) return true;
    } else {
      this.#grant(line, waiter, got);
      for (const each of ahead) each.overtaken++;
    }
    if (answer === "nothing") return false;
    return (answer === "served" && ahead.length === 0) || mayGoOn(answer, ahead.map(timesOvertaken), waiter.overtaken);
  }

  #endRound(line: Line<Lease>): void {
    const { waiters, round } = line;
    if (waiters.length > 0 && nextAt(line) !== line.timerAt) {
      for (const waiter of [...waiters]) {
        const last = waiter.round === round ? waiter.last : undefined;
        if (waiter.request.dueAt(last) > waiter.deadline) this.#refuse(line, waiter, waiter.request.exhausted(last));
      }
    }
    if (waiters.length > 0) this.#arm(line);
  }

  #arm(line: Line<Lease>): void {
    const now = this.#clock.monotonic();
    const at = timerFor(line, now, this.#host.pollMs(line.readySet));
    if (at === line.timerAt) return;
    line.disarm();
    if (at === Number.POSITIVE_INFINITY) return;
    line.timerAt = at;
    line.cancelTimer = this.#clock.timer(() => this.#onDue(line), Math.max(0, at - now));
  }

  #onDue(line: Line<Lease>): void {
    line.disarm();
    line.readySet.wakeDue(this.#clock.monotonic());
    line.readySet.wakeBlocked();
    this.#serve(line);
  }

  /** Where the line's timer may be lost with the request that set it. */
  #watch(line: Line<Lease>, waiter: Waiter<Lease>): void {
    const { deadline } = waiter;
    const now = this.#clock.monotonic();
    if (now >= deadline) this.#onDeadline(line, waiter);
    else if (line.timerAt <= now) this.#onDue(line);
    if (!waiter.isSettled) this.#watchAgain(line, waiter, now);
  }

  #watchAgain(line: Line<Lease>, waiter: Waiter<Lease>, now: number): void {
    waiter.cancelTimer = this.#clock.timer(() => this.#watch(line, waiter), nextWatchMs(line, waiter, now));
  }
}
