import pRetry from "p-retry";
import { classifyTransportError, type ErrorClassifier } from "../core/error-classifier.ts";
import type { KeyRotator } from "../core/key-rotator.ts";
import type { Lease } from "../core/lease.ts";
import { AllKeysExhaustedError } from "../errors.ts";
import type { Classification, Clock, Random } from "../types.ts";
import { backoffMs, pause } from "./backoff.ts";
import { type BoundedSignal, boundedSignal, timeoutReason } from "./bounded-signal.ts";
import { type Answer, type Call, type Reply, type Step, Trail, type Transport } from "./call.ts";
import { exhaustedAnswer } from "./exhausted-answer.ts";
import { isSuspicious, nextStep, printOf, type RepeatRules } from "./repeat-rules.ts";

export type OnExhausted<A> = "respond" | "throw" | ((error: AllKeysExhaustedError) => A | Promise<A>);

export interface AttemptLoopOptions<A> extends RepeatRules {
  readonly maxAttempts: number;
  readonly retries: number;
  /** Milliseconds to response headers; `undefined`: no bound. */
  readonly attemptTimeoutMs: number | undefined;
  /** Milliseconds for the whole call up to response headers; `undefined`: no bound. */
  readonly totalTimeoutMs: number | undefined;
  readonly onExhausted: OnExhausted<A>;
  readonly maxWaitMs: number;
  readonly modelField: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** How much of a refused body is read: enough for every error format, and the connection can be used again. */
const refusedBodyBytes = 65_536;

/** Carries a step through p-retry, which repeats what throws. */
class TransientFailure<A extends Answer> extends Error {
  readonly step: Step<A>;

  constructor(step: Step<A>) {
    super("transient failure");
    this.step = step;
  }
}

/**
 * One call from key to answer: acquire, send, judge, and follow the judgement. A refused account is left for another at
 * once; a provider in trouble is tried again after a pause, on the same key first. Knows no `Request` and no `Response`.
 */
export class AttemptLoop<C extends Call, A extends Answer> {
  readonly #rotator: KeyRotator;
  readonly #classifier: ErrorClassifier;
  readonly #transport: Transport<C, A>;
  readonly #options: AttemptLoopOptions<A>;

  constructor(
    rotator: KeyRotator,
    classifier: ErrorClassifier,
    transport: Transport<C, A>,
    options: AttemptLoopOptions<A>,
  ) {
    this.#rotator = rotator;
    this.#classifier = classifier;
    this.#transport = transport;
    this.#options = options;
  }

  /** Runs a call to its answer. Only the first attempt is on this path; everything else begins at its failure. */
  async run(call: C): Promise<A> {
    const endsAt = this.#endsAt(call);
    let lease: Lease;
    try {
      const acquired = this.#acquire(call, endsAt);
      lease = acquired instanceof Promise ? await acquired : acquired;
    } catch (error) {
      return this.#unserved(call, error);
    }
    if (this.#rotator.wants("key-selected")) this.#tellSelected(call, lease);
    const bound = this.#bound(call, endsAt);
    const signal = bound === undefined ? call.signal : bound.signal;
    let answer: A;
    try {
      answer = await this.#transport.send(call, lease, signal);
      if (answer.status >= 300 && answer.status < 400)
        answer = await this.#transport.follow(call, lease, answer, signal);
    } catch (error) {
      return this.#recover(call, await this.#judge(call, lease, undefined, error, endsAt), endsAt);
    } finally {
      bound?.headersArrived();
    }
    if (answer.status < 400) return this.#succeeded(call, lease, answer);
    const reply = this.#transport.open(answer);
    return this.#recover(call, await this.#judge(call, lease, reply, undefined, endsAt), endsAt);
  }

  #endsAt(call: C): number {
    const { totalTimeoutMs, clock } = this.#options;
    let endsAt = Number.POSITIVE_INFINITY;
    if (totalTimeoutMs !== undefined) endsAt = clock.monotonic() + totalTimeoutMs;
    const { deadline } = call;
    return deadline === undefined ? endsAt : Math.min(endsAt, clock.monotonic() + deadline - clock.wall());
  }

  /** A signal of its own for an attempt that is bounded in time; others are sent with the caller's. */
  #bound(call: C, endsAt: number): BoundedSignal | undefined {
    const { attemptTimeoutMs, clock } = this.#options;
    if (attemptTimeoutMs === undefined && endsAt === Number.POSITIVE_INFINITY) return undefined;
    return boundedSignal(call.signal, attemptTimeoutMs, endsAt - clock.monotonic(), clock);
  }

  #acquire(call: C, endsAt: number): Lease | Promise<Lease> {
    if (this.#rotator.needsModel && call.model === undefined) call.model = call.findModel(this.#options.modelField);
    if (endsAt !== Number.POSITIVE_INFINITY) {
      call.maxWaitMs = Math.min(this.#options.maxWaitMs, endsAt - this.#options.clock.monotonic());
    }
    return this.#rotator.acquire(call);
  }

  #succeeded(call: C, lease: Lease, answer: A): A {
    if (this.#rotator.wants("attempt-succeeded")) this.#tellSucceeded(call, lease, answer);
    if (!this.#rotator.countsStreams) {
      lease.settle(success);
      return answer;
    }
    lease.answered();
    return this.#transport.observe(answer, (how) => lease.settle(how === "cancel" ? cancelled : success));
  }

  #tellSucceeded(call: C, lease: Lease, answer: A): void {
    this.#rotator.emit("attempt-succeeded", {
      requestId: this.#idOf(call),
      attempt: call.trail?.attempts ?? 1,
      keyId: lease.keyId,
      status: answer.status,
      elapsedMs: this.#options.clock.monotonic() - lease.startedAt,
      tags: call.tags,
    });
  }

  async #recover(call: C, first: Step<A>, endsAt: number): Promise<A> {
    let step = first;
    for (;;) {
      if (step.next === "return") return answerOf(step, call);
      const trail = call.trail as Trail<A>;
      const spent = trail.attempts >= this.#options.maxAttempts || this.#options.clock.monotonic() >= endsAt;
      if (spent || (step.next === "repeat" && trail.repeated)) return answerOf(step, call);
      step.reply?.discard();
      if (step.next === "repeat") {
        step = await this.#repeat(call, step, endsAt);
        continue;
      }
      let lease: Lease;
      try {
        lease = await this.#acquire(call, endsAt);
      } catch (error) {
        return this.#unserved(call, error);
      }
      step = await this.#attempt(call, lease, endsAt);
    }
  }

  /** One more attempt, judged. */
  async #attempt(call: C, lease: Lease, endsAt: number): Promise<Step<A>> {
    (call.trail as Trail<A>).attempts++;
    if (this.#rotator.wants("key-selected")) this.#tellSelected(call, lease);
    const bound = this.#bound(call, endsAt);
    try {
      const signal = bound === undefined ? call.signal : bound.signal;
      let answer = await this.#transport.send(call, lease, signal);
      if (answer.status >= 300 && answer.status < 400)
        answer = await this.#transport.follow(call, lease, answer, signal);
      bound?.headersArrived();
      if (answer.status >= 400) return await this.#judge(call, lease, this.#transport.open(answer), undefined, endsAt);
      answer = this.#succeeded(call, lease, answer);
      return { next: "return", answer, reply: undefined, error: undefined, lease, judged: fine };
    } catch (error) {
      bound?.headersArrived();
      return this.#judge(call, lease, undefined, error, endsAt);
    }
  }

  /** Repeats on the same key after pauses, then once on another account. The first attempt never comes here. */
  async #repeat(call: C, failed: Step<A>, endsAt: number): Promise<Step<A>> {
    const trail = call.trail as Trail<A>;
    trail.repeated = true;
    trail.prefer = failed.lease.keyId;
    let last = failed;
    try {
      return await pRetry(
        async (attempt) => {
          // p-retry pauses only after a failure: the one at hand is handed to it as its first.
          if (attempt === 1) throw new TransientFailure(failed);
          last = await this.#attempt(call, await this.#acquire(call, endsAt), endsAt);
          if (last.next === "repeat") throw new TransientFailure(last);
          return last;
        },
        {
          retries: this.#options.retries,
          minTimeout: 0,
          maxTimeout: 0,
          ...(call.signal === undefined ? undefined : { signal: call.signal }),
          shouldRetry: ({ error }) => error instanceof TransientFailure,
          onFailedAttempt: ({ error, retriesLeft, attemptNumber }) =>
            error instanceof TransientFailure && retriesLeft > 0
              ? this.#pause(call, (error.step as Step<A>).judged, attemptNumber, endsAt)
              : undefined,
        },
      );
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      if (!(error instanceof TransientFailure) && !AllKeysExhaustedError.isInstance(error)) throw error;
      return this.#onceElsewhere(call, last, endsAt);
    } finally {
      trail.prefer = undefined;
    }
  }

  #pause(call: C, judged: Classification, attempt: number, endsAt: number): Promise<void> {
    const { clock, random, maxWaitMs } = this.#options;
    const waitMs = Math.max(backoffMs(attempt, random), judged.retryAfterMs ?? 0);
    const patienceMs = Math.min(maxWaitMs, endsAt - clock.monotonic());
    // Sitting out a longer time would only make the caller wait for the same refusal.
    if (waitMs > patienceMs) throw new GivenUp();
    return pause(waitMs, clock, call.signal);
  }

  async #onceElsewhere(call: C, last: Step<A>, endsAt: number): Promise<Step<A>> {
    const trail = call.trail as Trail<A>;
    trail.prefer = undefined;
    trail.exclude ??= new Set();
    trail.exclude.add(last.lease.account);
    call.maxWaitMs = 0;
    try {
      const lease = await this.#rotator.acquire(call);
      return await this.#attempt(call, lease, endsAt);
    } catch (error) {
      if (!AllKeysExhaustedError.isInstance(error)) throw error;
      return { ...last, next: "return" };
    } finally {
      call.maxWaitMs = undefined;
    }
  }

  /** Judges a failed attempt, settles its lease, and says what follows. */
  async #judge(call: C, lease: Lease, reply: Reply<A> | undefined, error: unknown, endsAt: number): Promise<Step<A>> {
    const { clock } = this.#options;
    const elapsedMs = clock.monotonic() - lease.startedAt;
    if (reply === undefined && call.signal?.aborted) {
      lease.settle({ outcome: "aborted", sent: "unknown" });
      return { next: "return", answer: undefined, reply, error: call.signal.reason, lease, judged: aborted };
    }
    const text = reply === undefined ? undefined : await this.#read(call, lease, reply);
    const now = clock.wall();
    const judged = this.#classifier.classify(
      reply === undefined ? { error, now } : { status: reply.status, headers: reply.headers, body: text, now },
    );
    const sent = reply === undefined ? classifyTransportError(error).sent : "yes";
    lease.model ??= call.findModel(this.#options.modelField);
    const outcome = judged.kind === "none" ? "success" : judged.kind === "aborted" ? "aborted" : "failure";
    lease.settle({ outcome, sent, classification: judged });
    if (outcome === "failure") this.#tellFailed(call, lease, reply, judged, elapsedMs);
    const next = this.#remember(call, lease, reply, error, judged, sent, text);
    const timedOut = reply === undefined && endsAt <= clock.monotonic();
    return { next, answer: undefined, reply, error: timedOut ? timeoutReason("totalTimeoutMs") : error, lease, judged };
  }

  async #read(call: C, lease: Lease, reply: Reply<A>): Promise<string> {
    try {
      return await reply.readCapped(refusedBodyBytes);
    } catch {
      // A body cut short: the status alone is judged. An abort shows at the next step.
      if (call.signal?.aborted) {
        lease.settle({ outcome: "aborted", sent: "yes" });
        throw call.signal.reason;
      }
      return "";
    }
  }

  /** Keeps what later steps need, and ends a request that two accounts refused in the same words. */
  #remember(
    call: C,
    lease: Lease,
    reply: Reply<A> | undefined,
    error: unknown,
    judged: Classification,
    sent: "no" | "yes" | "unknown",
    text: string | undefined,
  ): Step<A>["next"] {
    call.trail ??= new Trail<Answer>();
    const trail = call.trail as unknown as Trail<A>;
    trail.lastError = error;
    trail.lastFailedAt = reply === undefined ? "error" : "reply";
    if (reply !== undefined) trail.refusals.set(reply.status, reply);
    const next = nextStep(judged, call, reply?.status ?? null, sent, this.#options);
    if (next !== "failover") return next;
    if (!lease.marked) {
      trail.exclude ??= new Set();
      trail.exclude.add(lease.account);
    }
    if (reply === undefined || !isSuspicious(judged, reply.status)) return next;
    const print = printOf(reply, text ?? "");
    const twin = trail.suspicions.find((other) => other.print === print && other.account !== lease.account);
    trail.suspicions.push({ account: lease.account, print, lease });
    if (twin === undefined) return next;
    for (const suspicion of trail.suspicions) if (suspicion.print === print) this.#rotator.forgive(suspicion.lease);
    return "return";
  }

  async #unserved(call: C, error: unknown): Promise<A> {
    if (!AllKeysExhaustedError.isInstance(error)) throw error;
    const trail = call.trail as Trail<A> | undefined;
    error.attempts = trail?.attempts ?? 0;
    if (trail !== undefined && trail.lastFailedAt === "error") throw trail.lastError;
    const { onExhausted } = this.#options;
    if (onExhausted === "respond") {
      const answer = exhaustedAnswer(error, this.#rotator.provider);
      return this.#transport.exhausted(call, answer, trail?.refusals.get(answer.status));
    }
    if (typeof onExhausted === "function") return onExhausted(error);
    if (trail?.lastError !== undefined) error.cause = trail.lastError;
    throw error;
  }

  #idOf(call: C): string {
    call.requestId ??= this.#rotator.nextRequestId();
    return call.requestId;
  }

  #tellSelected(call: C, lease: Lease): void {
    this.#rotator.emit("key-selected", {
      requestId: this.#idOf(call),
      attempt: call.trail?.attempts ?? 1,
      keyId: lease.keyId,
      account: lease.account,
      waitedMs: lease.waitedMs,
      tags: call.tags,
    });
  }

  #tellFailed(call: C, lease: Lease, reply: Reply<A> | undefined, judged: Classification, elapsedMs: number): void {
    if (!this.#rotator.wants("attempt-failed")) return;
    const { kind, scope, retryAfterMs, failover } = judged;
    this.#rotator.emit("attempt-failed", {
      requestId: this.#idOf(call),
      attempt: call.trail?.attempts ?? 1,
      keyId: lease.keyId,
      status: reply?.status ?? null,
      kind,
      scope,
      retryAfterMs,
      failover,
      elapsedMs,
      tags: call.tags,
    });
  }
}

/** Ends the repeating: the pause asked for is longer than the caller can be kept waiting. */
class GivenUp extends TransientFailure<Answer> {
  constructor() {
    super(undefined as never);
  }
}

const success = { outcome: "success" } as const;
const cancelled = { outcome: "aborted" } as const;

const fine: Classification = {
  kind: "none",
  scope: "request",
  sharedBy: "request",
  window: null,
  dimension: null,
  retryAfterMs: null,
  retryable: false,
  failover: false,
  disableKey: false,
};

const aborted: Classification = { ...fine, kind: "aborted" };

function answerOf<A extends Answer>(step: Step<A>, call: Call): A {
  if (step.answer !== undefined) return step.answer;
  if (step.reply !== undefined) return step.reply.deliver();
  throw call.signal?.aborted ? call.signal.reason : step.error;
}
