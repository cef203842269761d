import { AllKeysExhaustedError } from "../errors.ts";
import type { Overrule } from "../judgement/classification-hooks.ts";
import type { EventHub } from "../pool/events.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import { timeoutReason } from "../pool/waiting/bounded-wait.ts";
import type { Random } from "../types.ts";
import { AnswerEnd, type AnswerEndOptions, success } from "./answer-end.ts";
import { AttemptLog } from "./attempt-log.ts";
import type { BoundedSignal } from "./bounded-signal.ts";
import { type Answer, type Call, modelIn, type Reply, type Step, type Trail, type Transport } from "./call.ts";
import { FinalAnswer, type FinalAnswerOptions } from "./final-answer.ts";
import { Judge, type JudgeOptions, nothingWrong } from "./judge.ts";
import { Preparation, type PreparationOptions } from "./preparation.ts";
import { Commitment, type CommitmentOptions, type Look } from "./reading/commitment.ts";
import { repeatTransient } from "./repeat-transient.ts";
import { telling } from "./telling/call-ending.ts";
import { TimeBounds, type TimeBoundsOptions } from "./time-bounds.ts";

export interface AttemptLoopOptions<C, A>
  extends JudgeOptions,
    PreparationOptions<C>,
    AnswerEndOptions,
    TimeBoundsOptions,
    CommitmentOptions,
    FinalAnswerOptions<A> {
  readonly maxAttempts: number;
  readonly retries: number;
  readonly random: Random;
}

/**
 * One call from key to answer: acquire, send, judge, and follow the judgement. A refused account is left for another at
 * once; a provider in trouble is tried again after a pause, on the same key first. Knows no `Request` and no `Response`.
 */
export class AttemptLoop<C extends Call, A extends Answer> {
  readonly #pool: CallPort;
  readonly #events: EventHub;
  readonly #transport: Transport<C, A>;
  readonly #options: AttemptLoopOptions<C, A>;
  readonly #log: AttemptLog;
  readonly #judge: Judge<C, A>;
  readonly #commitment: Commitment;
  readonly #end: AnswerEnd<C, A>;
  readonly #final: FinalAnswer<C, A>;
  readonly #preparation: Preparation<C>;
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
    this.#judge = new Judge(pool, overrule, this.#log, options);
    this.#commitment = new Commitment(overrule, options);
    this.#end = new AnswerEnd(pool, transport, options);
    this.#final = new FinalAnswer(transport, options);
    this.#preparation = new Preparation(pool, options);
    this.#bounds = new TimeBounds(options);
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
    if (this.#events.isHeard) this.#log.begun(call);
    if (this.#prepares || this.#options.pins.isInUse || this.#pool.countsTokens) this.#preparation.prepare(call);
    try {
      const acquired = this.#acquire(call, endsAt);
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
    if (bound !== undefined) return this.#firstBounded(call, lease, sent, bound, endsAt);
    return sent.then(
      (answer) => this.#answered(call, lease, answer, endsAt),
      (error: unknown) => this.#failed(call, lease, error, endsAt),
    );
  }

  #answered(call: C, lease: Lease, answer: A, endsAt: number): A | Promise<A> {
    try {
      const { provider } = lease;
      return answer.status < 300 &&
        (!provider.hidesErrors || this.#commitment.lookAt(call, provider, answer) === undefined)
        ? this.#succeeded(call, lease, answer, undefined)
        : this.#unclear(call, lease, answer, endsAt);
    } catch (error) {
      // It is none, or somebody has its body already: the key comes back all the same.
      return this.#failed(call, lease, error, endsAt);
    }
  }

  async #firstBounded(call: C, lease: Lease, sent: Promise<A>, bound: BoundedSignal, endsAt: number): Promise<A> {
    let step: Step<A>;
    try {
      step = await this.#stepAfter(call, lease, sent, bound, endsAt);
    } finally {
      bound.end();
    }
    return this.#recover(call, step, endsAt);
  }

  async #unclear(call: C, lease: Lease, answer: A, endsAt: number): Promise<A> {
    return this.#recover(call, await this.#stepAfter(call, lease, answer, undefined, endsAt), endsAt);
  }

  async #failed(call: C, lease: Lease, error: unknown, endsAt: number): Promise<A> {
    return this.#recover(call, await this.#judge.failure(call, lease, error, endsAt), endsAt);
  }

  #acquire(call: C, endsAt: number): Lease | Promise<Lease> {
    if (this.#pool.needsModel && call.model === undefined) call.model = modelIn(call, this.#pool.providers);
    if (endsAt !== Number.POSITIVE_INFINITY) call.endsAt = endsAt;
    const hasWaited = call.trail !== undefined && call.trail.waitedMs > 0;
    if (hasWaited || endsAt !== Number.POSITIVE_INFINITY) call.maxWaitMs = this.#bounds.patienceMs(call, endsAt);
    return this.#pool.acquire(call);
  }

  #succeeded(call: C, lease: Lease, answer: A, reply: Reply<A> | undefined): A {
    if (this.#events.isHeard) this.#log.succeeded(call, lease, answer.status);
    if (this.#pool.observers.headers !== undefined) this.#pool.observe(lease, answer.headers);
    const { trace, idleTimeoutMs } = this.#options;
    const isOver =
      reply === undefined &&
      !trace &&
      idleTimeoutMs === undefined &&
      !this.#events.isHeard &&
      call.ending === undefined;
    if (isOver && lease.provider.provider.resources === undefined && !this.#pool.countsToTheEnd) {
      // Nothing is counted, remembered or told to the end of the body.
      lease.settle(success);
      return answer;
    }
    const changed = trace ? this.#final.headersOfSuccess(call, lease, answer.status) : undefined;
    return this.#end.settle(call, lease, answer, reply, changed);
  }

  async #recover(call: C, first: Step<A>, endsAt: number): Promise<A> {
    let step = first;
    for (;;) {
      if (step.next === "return") return this.#final.after(step, call);
      const trail = call.trail as Trail<A>;
      if (this.#options.clock.monotonic() >= endsAt) return this.#final.after(step, call);
      if (trail.attempts >= this.#options.maxAttempts) return this.#spent(call, step);
      if (step.next === "repeat" && trail.repeated) return this.#final.after(step, call);
      if (step.next === "repeat") {
        step = await this.#repeat(call, step, endsAt);
        continue;
      }
      if (trail.waitUntil !== undefined) {
        if (!(await this.#bounds.waitUntil(trail.waitUntil, call, endsAt))) return this.#final.after(step, call);
        trail.waitUntil = undefined;
      } else if (!step.lease.marked) {
        // Nothing rests, so waiting brings nobody who knows better: another account now, or this answer.
        step = await this.#onceElsewhere(call, step, endsAt);
        continue;
      }
      step.reply?.discard();
      let lease: Lease;
      try {
        lease = await this.#acquire(call, endsAt);
      } catch (error) {
        return this.#final.unserved(call, error);
      }
      step = await this.#attempt(call, lease, endsAt);
    }
  }

  /** No further account may be tried. Where there is none anyway, the pool is exhausted and says so as always. */
  async #spent(call: C, step: Step<A>): Promise<A> {
    if (step.next === "failover" && step.lease.marked) {
      call.maxWaitMs = 0;
      try {
        const unused = await this.#pool.acquire(call);
        unused.settle({ outcome: "aborted", sent: "no" });
      } catch (error) {
        return this.#final.unserved(call, error);
      }
    }
    return this.#final.after(step, call);
  }

  /** One more attempt, judged. */
  async #attempt(call: C, lease: Lease, endsAt: number): Promise<Step<A>> {
    const trail = call.trail as Trail<A>;
    trail.attempts++;
    trail.lastReply?.discard();
    if (call.ending !== undefined) call.ending.leased(lease);
    if (this.#events.isHeard) this.#log.selected(call, lease);
    const bound = this.#bounds.signalFor(call, endsAt);
    try {
      const sent = this.#transport.send(call, lease, bound === undefined ? call.signal : bound.signal);
      return await this.#stepAfter(call, lease, sent, bound, endsAt);
    } catch (error) {
      return await this.#judge.failure(call, lease, error, endsAt);
    } finally {
      bound?.end();
    }
  }

  /** Waits for an answer, goes on where it leads, and says what follows from it. */
  async #stepAfter(
    call: C,
    lease: Lease,
    sent: A | Promise<A>,
    bound: BoundedSignal | undefined,
    endsAt: number,
  ): Promise<Step<A>> {
    try {
      let answer = await sent;
      const signal = bound === undefined ? call.signal : bound.signal;
      if (answer.status >= 300 && answer.status < 400) {
        call.isAway = false;
        answer = await this.#transport.follow(call, lease, answer, signal);
        if (call.isAway && answer.status >= 400) {
          // The provider took the key; what another site says, which did not get it, is nothing about it.
          lease.settle({ outcome: "aborted", sent: "yes" });
          return good(answer, lease);
        }
      }
      if (answer.status >= 400) {
        return await this.#judge.refusal(call, lease, this.#transport.open(answer), signal, endsAt);
      }
      const look = lease.provider.hidesErrors ? this.#commitment.lookAt(call, lease.provider, answer) : undefined;
      if (look === undefined) return good(this.#succeeded(call, lease, answer, undefined), lease);
      // The bounds are for headers, and those are here.
      bound?.end();
      return await this.#opened(call, lease, answer, look, endsAt);
    } catch (error) {
      return this.#judge.failure(call, lease, error, endsAt);
    }
  }

  /** Looks how an answer begins before anything of it is handed over. */
  async #opened(call: C, lease: Lease, answer: A, look: Look, endsAt: number): Promise<Step<A>> {
    lease.answered();
    const reply = this.#transport.open(answer);
    try {
      const found = await this.#commitment.open(look, call, lease.provider, reply, endsAt, this.#pool.contextOf(lease));
      if (found !== undefined) return this.#judge.embedded(call, lease, reply, found, endsAt);
    } catch (error) {
      reply.discard();
      throw error;
    }
    return good(this.#succeeded(call, lease, answer, reply), lease);
  }

  /** Repeats on the same key after pauses, then once on another account. */
  async #repeat(call: C, failed: Step<A>, endsAt: number): Promise<Step<A>> {
    const trail = call.trail as Trail<A>;
    trail.repeated = true;
    trail.prefer = failed.lease.keyId;
    const { clock, random, retries } = this.#options;
    try {
      const again = async (): Promise<Step<A>> => this.#attempt(call, await this.#acquire(call, endsAt), endsAt);
      const patienceMs = (): number => this.#bounds.patienceMs(call, endsAt);
      const paused = (ms: number): void => {
        trail.waitedMs += ms;
      };
      const step = await repeatTransient(failed, again, {
        retries,
        patienceMs,
        paused,
        clock,
        random,
        signal: call.signal,
      });
      return step.next === "repeat" ? await this.#onceElsewhere(call, step, endsAt) : step;
    } finally {
      trail.prefer = undefined;
    }
  }

  async #onceElsewhere(call: C, last: Step<A>, endsAt: number): Promise<Step<A>> {
    // What the call is about is known to one account only.
    if (call.account !== undefined) return { ...last, next: "return" };
    const trail = call.trail as Trail<A>;
    trail.prefer = undefined;
    trail.exclude ??= new Set();
    trail.exclude.add(last.lease.key.account.id);
    call.maxWaitMs = 0;
    call.isTrial = true;
    try {
      const lease = await this.#pool.acquire(call);
      return await this.#attempt(call, lease, endsAt);
    } catch (error) {
      if (!AllKeysExhaustedError.isInstance(error)) throw error;
      return { ...last, next: "return" };
    } finally {
      call.maxWaitMs = undefined;
      call.isTrial = false;
    }
  }
}

function good<A extends Answer>(answer: A, lease: Lease): Step<A> {
  return { next: "return", answer, reply: undefined, error: undefined, lease, judged: nothingWrong };
}
