import type { Awaitable } from "../../types.ts";
import { availability } from "../ready/availability.ts";
import type { NotNow } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";

/** A store is asked ever more rarely for what nobody gave back for long: by this share of that time, at most so late. */
const pollShare = 0.05;
const longestPollMs = 10_000;

/** Where timers end with the request that set them, each waiter looks after its line itself, so often at most. */
const shortestWatchMs = 50;
const longestWatchMs = 1_000;

/** Who knows of a line what its queue does not. */
export interface PollingHost {
  /** After how long a ready set's store is to be asked though nobody told of a change; `undefined`: no need to. */
  pollMs(readySet: ReadySet): number | undefined;
}

/** What somebody waits for. */
export interface Granted {
  /** Milliseconds it was waited for. */
  waitedMs: number;
  settle(result: { readonly outcome: "aborted"; readonly sent: "no" }): void;
}

/** A request that waits, and knows how to be asked for. */
export interface Waiting<Lease extends Granted> {
  readonly signal: AbortSignal | null | undefined;
  /** Lower numbers are served first. */
  readonly priority: number;
  /** Tries to serve it now. */
  ask(): Awaitable<Lease | NotNow>;
  /** Asks also for what those who can still wait are kept from; `undefined`: there is nothing like that. */
  askLast?(last: NotNow | undefined): Awaitable<Lease | NotNow> | undefined;
  /** When it may be served at the earliest, as far as is known; monotonic, and -Infinity for any moment. */
  dueAt(last: NotNow | undefined): number;
  /** It waits from now on. Whoever is told may give it up, or close the pool; `undefined`: nobody is. */
  readonly queued: ((waiting: number) => void) | undefined;
  /** The error for having waited in vain. */
  exhausted(last: NotNow | undefined): Error;
  /** Can it be served with nothing but certain accounts, or in another ready set? */
  isBeside(): boolean;
  /** Would it take what the other is given? */
  isLike(other: Waiting<Lease>): boolean;
}

/** Its fields, and its line's, are the queue's to write. */
export class Waiter<Lease extends Granted> {
  readonly request: Waiting<Lease>;
  /** The order in which requests came: a store may have answered them in another. */
  readonly arrival: number;
  /** Monotonic time up to which it may wait. */
  readonly deadline: number;
  readonly since: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
  onAbort = (): void => {};
  cancelTimer = (): void => {};
  isSettled = false;
  /** How often somebody behind it was served while it wanted more than there was. */
  overtaken = 0;
  /** The round in which it was asked for last; -1: it is to be asked for again. */
  round = -1;
  /** What the last question about it found. */
  last: NotNow | undefined;

  constructor(
    request: Waiting<Lease>,
    arrival: number,
    since: number,
    deadline: number,
    resolve: (lease: Lease) => void,
    reject: (reason: unknown) => void,
  ) {
    this.request = request;
    this.arrival = arrival;
    this.since = since;
    this.deadline = deadline;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Who waits in a ready set, and how far its round is. */
export class Line<Lease extends Granted> {
  readonly readySet: ReadySet;
  readonly waiters: Waiter<Lease>[] = [];
  round = 0;
  /** For so many a store is being asked. */
  asking = 0;
  /** In this round somebody found nothing that those behind could have either. */
  isDry = false;
  /** Something changed meanwhile: another round follows. */
  isToServeAgain = false;
  /** When somebody was served last, or the line began; monotonic. */
  servedAt: number;
  /** When there is room for what somebody in the line wants, which is more than there is now; monotonic. */
  roomAt = Number.POSITIVE_INFINITY;
  timerAt = Number.POSITIVE_INFINITY;
  cancelTimer: (() => void) | undefined = undefined;

  constructor(readySet: ReadySet, now: number) {
    this.readySet = readySet;
    this.servedAt = now;
  }

  disarm(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }
}

/** Is any group ready, if only where no other is? */
export function mayServe(readySet: ReadySet): boolean {
  return readySet.count(availability.ready) + readySet.count(availability.deprioritized) > 0;
}

export function isBefore<L extends Granted>(one: Waiter<L>, other: Waiter<L>): boolean {
  const byPriority = one.request.priority - other.request.priority;
  return byPriority === 0 ? one.arrival < other.arrival : byPriority < 0;
}

export function timesOvertaken<L extends Granted>({ overtaken }: Waiter<L>): number {
  return overtaken;
}

export function unlike<L extends Granted>(ahead: readonly Waiter<L>[], { request }: Waiter<L>): readonly number[] {
  return ahead.filter((each) => !each.request.isLike(request)).map(timesOvertaken);
}

/** When the line's ready set has somebody due, or room. */
export function nextAt<L extends Granted>({ readySet, roomAt }: Line<L>): number {
  return Math.min(readySet.wakes.nextAt, roomAt);
}

/** The first that would take what another one was given. */
export function firstLike<L extends Granted>({ waiters }: Line<L>, asker: Waiter<L>): Waiter<L> {
  const isFirst = (waiter: Waiter<L>): boolean =>
    waiter === asker || (!waiter.request.isBeside() && waiter.request.isLike(asker.request));
  return waiters.find(isFirst) ?? asker;
}

/** Those ahead that were asked for in this round. */
export function passedBy<L extends Granted>({ waiters, round }: Line<L>, waiter: Waiter<L>): Waiter<L>[] {
  const place = waiters.indexOf(waiter);
  const ahead = place === -1 ? waiters : waiters.slice(0, place);
  return ahead.filter((each) => each.round === round && !each.request.isBeside());
}

/** A round of questions over a network may end before every ready account was asked. */
export function hasUnasked<L extends Granted>(
  readySet: ReadySet,
  { request }: Waiter<L>,
  { closed, roomAt }: NotNow,
): boolean {
  return (
    !closed && readySet.count(availability.ready) > 0 && roomAt === Number.POSITIVE_INFINITY && !request.isBeside()
  );
}

/** After how long a waiter looks after its line itself: at first soon, for the line may have no timer yet. */
export function nextWatchMs<L extends Granted>(
  { timerAt }: Line<L>,
  { deadline, since }: Waiter<L>,
  now: number,
): number {
  const untilDueMs = now === since ? 0 : timerAt - now;
  return Math.min(Math.max(untilDueMs, shortestWatchMs), longestWatchMs, deadline - now);
}

/** When its timer is due; Infinity: never. */
export function timerFor<L extends Granted>(line: Line<L>, now: number, pollMs: number | undefined): number {
  const at = nextAt(line);
  if (pollMs === undefined) return at;
  // The next look is not put off by those who come meanwhile.
  if (line.timerAt > now && line.timerAt <= now + longestPollMs) return Math.min(at, line.timerAt);
  const laterMs = Math.min(longestPollMs, (now - line.servedAt) * pollShare);
  return Math.min(at, now + laterMs + pollMs);
}
