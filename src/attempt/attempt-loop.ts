import type { Overrule } from "../judgement/classification-hooks.ts";
import type { EventHub } from "../pool/events.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import { timeoutReason } from "../pool/waiting/bounded-wait.ts";
import type { Random } from "../types.ts";
import { AnswerEnd, type AnswerEndOptions, success } from "./answer-end.ts";
import { AttemptLog } from "./attempt-log.ts";
import type { Answer, Call, Reply, Transport } from "./call.ts";
import { FailedAttempts, type FailedAttemptsOptions } from "./failed-attempts.ts";
import { FailoverWalk, type LoopSteps } from "./failover-walk.ts";
import { FinalAnswer, type FinalAnswerOptions } from "./final-answer.ts";
import { Preparation, type PreparationOptions } from "./preparation.ts";
import { Commitment, type CommitmentOptions } from "./reading/commitment.ts";
import { telling } from "./telling/call-ending.ts";
import { TimeBounds, type TimeBoundsOptions } from "./time-bounds.ts";

export interface AttemptLoopOptions<C, A>
  extends FailedAttemptsOptions,
    PreparationOptions<C>,
    AnswerEndOptions,
    TimeBoundsOptions,
    CommitmentOptions,
    FinalAnswerOptions<A> {
  readonly maxAttempts: number | undefined;
  readonly retries: number;
  readonly random: Random;
}

/**
 * One call from key to answer: acquire, send, classify, and follow the classification. A refused account is left for another at
 * once; a provider in trouble is tried again after a pause, on the same key first. Knows no `Request` and no `Response`.
 */
export class AttemptLoop<C extends Call, A extends Answer> implements LoopSteps<C, A> {
  readonly #pool: CallPort;
  readonly #events: EventHub;
  readonly #transport: Transport<C, A>;
  readonly #options: AttemptLoopOptions<C, A>;
  readonly #log: AttemptLog;
  readonly #failures: FailedAttempts<C, A>;
  readonly #commitment: Commitment;
  readonly #end: AnswerEnd<C, A>;
  readonly #final: FinalAnswer<C, A>;
  readonly #preparation: Preparation<C>;
  readonly #walk: FailoverWalk<C, A>;
  readonly #bounds: TimeBounds;
  /** Has every call to be looked at before a key is asked for? */
  readonly #prepares: boolean;

  constructor(
    pool: CallPort,
    overrule: Overrule | undefined,
    transport: Transport<C, A>,
    options: AttemptLoopOptions<C, A>,
  ) {
    this.#pool = pool;
    this.#events = pool.events;
    this.#transport = transport;
    this.#options = options;
    this.#log = new AttemptLog(pool, options.clock);
    this.#failures = new FailedAttempts(pool, overrule, this.#log, options);
    this.#commitment = new Commitment(overrule, options);
    this.#end = new AnswerEnd(pool, transport, options);
    this.#final = new FinalAnswer(transport, options);
    this.#preparation = new Preparation(pool, options);
    this.#bounds = new TimeBounds(options);
    this.#walk = new FailoverWalk(this, {
      pool,
      transport,
      options,
      log: this.#log,
      failures: this.#failures,
      commitment: this.#commitment,
      final: this.#final,
      bounds: this.#bounds,
    });
    this.#prepares = options.affinityOf !== undefined;
  }

  /**
   * Runs a call to its answer. The usual call is one promise deep, and none of it is an async function: those hold on to all
   * they have seen while they wait.
   */
  run(call: C): Promise<A> {
    if (this.#pool.observers.calls !== undefined && call.ending === undefined) {
      return telling(this.#pool, call, () => this.run(call));
    }
    if (call.signal?.aborted) return Promise.reject(call.signal.reason);
    const isBounded = this.#options.totalTimeoutMs !== undefined || call.options?.deadline !== undefined;
    const endsAt = isBounded ? this.#bounds.endsAt(call) : Number.POSITIVE_INFINITY;
    if (isBounded && endsAt <= this.#options.clock.monotonic()) return Promise.reject(timeoutReason(call.endedBy));
    if (this.#prepares || this.#options.pins.isInUse || this.#pool.countsTokens) {
      const asking = this.#preparation.prepare(call);
      if (asking !== undefined) return asking.then(() => this.run(call));
    }
    if (this.#events.isHeard) this.#log.begun(call);
    try {
      const acquired = this.acquire(call, endsAt);
      return acquired instanceof Promise
        ? acquired.then(
            (lease) => this.#first(call, lease, endsAt),
            (error: unknown) => this.#final.unserved(call, error),
          )
        : this.#first(call, acquired, endsAt);
    } catch (error) {
      return this.#final.unserved(call, error);
    }
  }

  #first(call: C, lease: Lease, endsAt: number): Promise<A> {
    if (call.ending !== undefined) call.ending.leased(lease);
    if (this.#events.isHeard) this.#log.selected(call, lease);
    const isBounded = this.#options.attemptTimeoutMs !== undefined || endsAt !== Number.POSITIVE_INFINITY;
    const bound = isBounded ? this.#bounds.signalFor(call, endsAt) : undefined;
    let sent: Promise<A>;
    try {
      sent = this.#transport.send(call, lease, bound === undefined ? call.signal : bound.signal);
    } catch (error) {
      sent = Promise.reject(error);
    }
    const walk = this.#walk;
    if (bound !== undefined) return walk.recover(call, walk.stepAfter(call, lease, sent, bound, endsAt), endsAt);
    return sent.then(
      (answer) => {
        try {
          return answer.status < 300 &&
            (!lease.provider.hidesErrors || this.#commitment.lookAt(call, lease.provider, answer) === undefined)
            ? this.succeeded(call, lease, answer, undefined)
            : walk.recover(call, walk.stepAfter(call, lease, answer, undefined, endsAt), endsAt);
        } catch (error) {
          // It is none, or somebody has its body already: the key comes back all the same.
          return walk.recover(call, this.#failures.failure(call, lease, error, endsAt), endsAt);
        }
      },
      (error: unknown) => walk.recover(call, this.#failures.failure(call, lease, error, endsAt), endsAt),
    );
  }

  /** A key for the call, as one that may wait until then. */
  acquire(call: C, endsAt: number): Lease | Promise<Lease> {
    if (this.#pool.needsModel && call.model === undefined) {
      const reading = this.#preparation.about(call);
      if (reading !== undefined) return reading.then(() => this.acquire(call, endsAt));
    }
    if (endsAt !== Number.POSITIVE_INFINITY) call.endsAt = endsAt;
    const hasWaited = call.history !== undefined && call.history.waitedMs > 0;
    if (hasWaited || endsAt !== Number.POSITIVE_INFINITY) call.maxWaitMs = this.#bounds.patienceMs(call, endsAt);
    return this.#pool.acquire(call);
  }

  /** An answer for the caller, and a lease that is settled or will be. `reply` is the answer, where it was looked into. */
  succeeded(call: C, lease: Lease, answer: A, reply: Reply<A> | undefined): A {
    if (this.#events.isHeard) this.#log.succeeded(call, lease, answer.status);
    if (reply === undefined && this.#pool.observers.headers !== undefined) this.#pool.observe(lease, answer.headers);
    const { trace, idleTimeoutMs } = this.#options;
    const isOver =
      reply === undefined &&
      !trace &&
      idleTimeoutMs === undefined &&
      !this.#events.isHeard &&
      call.ending === undefined;
    if (
      isOver &&
      !this.#pool.countsToTheEnd &&
      (lease.provider.provider.resources === undefined || !this.#mayMake(call, lease))
    ) {
      // Nothing is counted, remembered or told to the end of the body.
      lease.settle(success);
      return answer;
    }
    const changed = trace ? this.#final.headersOfSuccess(call, lease, answer.status) : undefined;
    return this.#end.settle(call, lease, answer, reply, changed);
  }

  /** May its answer hand out an id that other accounts do not know? */
  #mayMake({ method, url }: C, { provider: { provider } }: Lease): boolean {
    if (provider.resources === undefined || this.#pool.accountCount < 2) return false;
    return this.#options.pins.madeBy(provider.resources, method, url) !== undefined;
  }
}
