import type { Counted, Need, ScopeState } from "../../../limits/store.ts";
import type { Clock, Random } from "../../../types.ts";
import { type ScriptAnswer, touchedOf } from "./answer.ts";
import { type AnsweredSlot, AnsweredSlots } from "./answered-slots.ts";
import type { Charge, ScriptRequest } from "./request.ts";
import { isIdle, type Settling } from "./settling.ts";

/** So many reports travel together: a script holds up the whole server. */
const mostInBatch = 64;
const mostChargesInBatch = 256;
/** With the server away for long, the oldest are given up: permits come back by their lease, estimates stand. */
const mostWaiting = 20_000;
/** A report waits so long for a question to travel with, milliseconds. */
const waitsMs = 1;
const retryMs = 250;
/** A batch without an answer is sent again after so long; the server knows it by its number. Milliseconds. */
const resendAfterMs = 500;
/** A timer so much overdue ended with the request that set it, as they do on some platforms; milliseconds. */
const neverComesAfterMs = 500;
/** Something is wrong with a batch that fails so often while others do not. */
const mostTries = 60;

interface Waiting {
  readonly settling: Settling;
  readonly done: (states: readonly ScopeState[]) => void;
}

interface Batch {
  readonly number: number;
  readonly charges: readonly Charge[];
  readonly reports: readonly Waiting[];
  readonly answered: readonly AnsweredSlot[];
  readonly raised: readonly Counted[];
  tries: number;
}

/** A batch on its way. Whoever sends it tells what became of it; it may be told late, or twice. */
export interface Piggyback {
  onAnswer(answer: ScriptAnswer): void;
  /** No answer in time: nobody waits any longer for what it says. */
  onTimeout(): void;
  onFailure(): void;
}

export interface ReportQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The server's time. */
  readonly now: () => number;
  /** Sends a request with nothing but reports, if that makes sense now. */
  readonly send: () => void;
}

const nothing: readonly ScopeState[] = Object.freeze([]);
const noneRaised: readonly Counted[] = Object.freeze([]);

/**
 * Reports wait here for the next question, or for a moment, and travel one batch at a time: in order, so that one number tells
 * the server which of them it has carried out. What can wait longer does, for the next question about the same bucket.
 */
export class ReportQueue {
  readonly #options: ReportQueueOptions;
  readonly #waiting: Waiting[] = [];
  readonly #charges: Charge[] = [];
  readonly #answered = new AnsweredSlots();
  /** What was said last of each bucket, and until when it can be true. */
  readonly #raised = new Map<string, Counted & { readonly until: number }>();
  #number = 0;
  #batch: Batch | undefined;
  #isUnderWay = false;
  #cancelTimer: (() => void) | undefined;
  /** When the timer is due, on this process's clock. */
  #armedFor = Number.POSITIVE_INFINITY;
  readonly #whenEmpty = new Set<() => void>();

  constructor(options: ReportQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#batch === undefined && this.#isIdle;
  }

  get #isIdle(): boolean {
    return !this.#isUrgent && this.#answered.isEmpty;
  }

  /** Is there anything that does not wait for a question about the same bucket? */
  get #isUrgent(): boolean {
    return this.#waiting.length > 0 || this.#charges.length > 0 || this.#raised.size > 0;
  }

  /** Tells which scopes it touched, as soon as that is known. */
  add(whole: Settling): readonly ScopeState[] | Promise<readonly ScopeState[]> {
    const settling = this.#gather(whole);
    if (isIdle(settling)) {
      this.#arm();
      return nothing;
    }
    if (this.#waiting.length >= mostWaiting) this.#waiting.shift()?.done(nothing);
    return new Promise((done) => {
      this.#waiting.push({ settling, done });
      this.#arm(waitsMs);
    });
  }

  /** Returns what is left of it. */
  #gather(settling: Settling): Settling {
    const now = this.#options.clock.monotonic();
    const needs = settling.needs.filter(({ bucket, ticket, change, delayMs }) => {
      if (bucket.kind !== "rolling" || change !== 0) return true;
      this.#answered.add(bucket, ticket, delayMs, now);
      return false;
    });
    return needs.length === settling.needs.length ? settling : { ...settling, needs };
  }

  charge(charges: readonly Charge[]): void {
    for (const charge of charges) this.#charges.push(charge);
    if (charges.length > 0) this.#arm(0);
  }

  /** Buckets are said to have used so much at least. */
  raise(atLeast: readonly Counted[]): void {
    const now = this.#options.now();
    for (const { bucket, used } of atLeast) {
      const { id, windowMs = Number.POSITIVE_INFINITY, edges } = bucket;
      const said = this.#raised.get(id);
      if (said === undefined && this.#raised.size >= mostWaiting) continue;
      if (said !== undefined && said.used >= used && said.until > now) continue;
      this.#raised.set(id, { bucket, used, until: edges === undefined ? now + windowMs : edges[1] });
    }
    if (atLeast.length > 0) this.#arm(0);
  }

  /** What is taken without the server's knowledge comes on top of what was said before. */
  onUse(needs: readonly Need[]): void {
    if (this.#raised.size === 0) return;
    for (const { bucket, amount } of needs) {
      const said = this.#raised.get(bucket.id);
      if (said !== undefined) this.#raised.set(bucket.id, { ...said, used: said.used + amount });
    }
  }

  /** Nobody waits any longer for what becomes of reports; they travel when they can. */
  letGo(): void {
    for (const { done } of this.#waiting) done(nothing);
  }

  /** Sends what there is as soon as that makes sense again. */
  flush(): void {
    if (!this.isEmpty) this.#arm(0);
  }

  /** Puts the next batch on a request about to be sent; `undefined`: there is none, or one is under way. */
  piggybackOn(request: ScriptRequest): Piggyback | undefined {
    if (this.#isUnderWay || this.isEmpty) return undefined;
    const { random, now } = this.#options;
    this.#batch ??= this.#nextBatch(request);
    const batch = this.#batch;
    if (batch === undefined) return undefined;
    const { number, charges, reports, answered, raised } = batch;
    batch.tries++;
    this.#isUnderWay = true;
    const settlings = reports.map(({ settling }) => settling);
    request.settle({ number, charges, settlings, answered, raised }, now(), random);
    return this.#piggyback(batch, batch.tries, request);
  }

  /** With what the request has to do with anyway. */
  #nextBatch(request: ScriptRequest): Batch | undefined {
    // Whoever waits until all is told waits for nothing else.
    const now = this.#whenEmpty.size > 0 ? Number.POSITIVE_INFINITY : this.#options.clock.monotonic();
    const answered = this.#answered.takeDue(now, mostInBatch);
    for (const bucket of request.buckets) answered.push(...this.#answered.take(bucket));
    if (!this.#isUrgent && answered.length === 0) return undefined;
    return {
      number: ++this.#number,
      charges: this.#charges.splice(0, mostChargesInBatch),
      reports: this.#waiting.splice(0, mostInBatch),
      answered,
      raised: this.#takeRaised(),
      tries: 0,
    };
  }

  /** Resolves when all reports have arrived, at the latest after so many milliseconds. */
  drained(longestMs: number): Promise<void> {
    if (this.isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const giveUp = this.#options.clock.timer(resolve, longestMs);
      this.#whenEmpty.add(() => {
        giveUp();
        resolve();
      });
      this.#arm(0);
    });
  }

  stop(): void {
    this.#cancelTimer?.();
    for (const { done } of this.#batch?.reports ?? []) done(nothing);
    for (const { done } of this.#waiting.splice(0)) done(nothing);
  }

  #takeRaised(): readonly Counted[] {
    if (this.#raised.size === 0) return noneRaised;
    const taken = [...this.#raised.values()].slice(0, mostInBatch);
    for (const { bucket } of taken) this.#raised.delete(bucket.id);
    const now = this.#options.now();
    return taken.filter(({ until }) => until > now);
  }

  #piggyback(batch: Batch, tries: number, request: ScriptRequest): Piggyback {
    const isCurrent = (): boolean => this.#batch === batch;
    return {
      onAnswer: (answer) => {
        if (!isCurrent()) return;
        tellEach(batch, answer, request);
        this.#done();
      },
      onTimeout: () => {
        if (!isCurrent()) return;
        for (const { done } of batch.reports) done(nothing);
        this.#options.clock.timer(() => this.#again(batch, tries), resendAfterMs, true);
      },
      onFailure: () => {
        for (const { done } of batch.reports) done(nothing);
        this.#again(batch, tries);
      },
    };
  }

  #again(batch: Batch, tries: number): void {
    if (this.#batch !== batch || batch.tries !== tries) return;
    this.#isUnderWay = false;
    if (batch.tries >= mostTries) this.#done();
    else this.#arm(retryMs);
  }

  #done(): void {
    this.#batch = undefined;
    this.#isUnderWay = false;
    if (!this.#isIdle) this.#arm(this.#whenEmpty.size > 0 ? 0 : this.#isUrgent ? waitsMs : undefined);
    else {
      for (const told of this.#whenEmpty) told();
      this.#whenEmpty.clear();
    }
  }

  /** @param afterMs when at the latest it is to be sent; without, when what was gathered can wait no longer */
  #arm(afterMs?: number): void {
    if (this.#isUnderWay) return;
    const { clock } = this.#options;
    const now = clock.monotonic();
    const dueAt = afterMs === undefined ? this.#answered.dueAt : now + afterMs;
    if (dueAt >= this.#armedFor && now < this.#armedFor + neverComesAfterMs) return;
    this.#cancelTimer?.();
    this.#armedFor = dueAt;
    const cancel = clock.timer(
      () => {
        this.#disarm();
        this.#options.send();
        // Nothing was due, after all.
        if (this.#answered.dueAt > clock.monotonic()) this.#arm();
      },
      Math.max(0, Math.ceil(dueAt - now)),
      // A process need not stay for what others can do without.
      afterMs === undefined,
    );
    this.#cancelTimer = cancel;
  }

  #disarm(): void {
    this.#cancelTimer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}

/** Each report's caller hears of the scopes that this report touched. */
function tellEach({ reports }: Batch, answer: ScriptAnswer, request: ScriptRequest): void {
  const touched = touchedOf(answer, request);
  if (touched.length === 0) {
    for (const { done } of reports) done(nothing);
    return;
  }
  for (const [at, { done }] of reports.entries()) {
    done(touched.filter(({ report }) => report === at + 1).map(({ state }) => state));
  }
}
