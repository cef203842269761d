import { AllKeysExhaustedError } from "../errors.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import { endpointOf } from "../pool/ready/origin-cooldowns.ts";
import type { Clock, Random } from "../types.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { Answer, AttemptHistory, Call, Reply, Step, Transport } from "./call.ts";
import { type FailedAttempts, nothingWrong } from "./failed-attempts.ts";
import type { FinalAnswer } from "./final-answer.ts";
import type { Commitment, Look } from "./reading/commitment.ts";
import { repeatTransient } from "./repeat-transient.ts";
import type { BoundedSignal, TimeBounds } from "./time-bounds.ts";

/** Attempts of a call, unless the caller says how many: one for each account, within these bounds. */
const fewestAttempts = 16;
const mostAttempts = 64;

/** What a walk does as the usual call does it. */
export interface LoopSteps<C extends Call, A extends Answer> {
  acquire(call: C, endsAt: number): Lease | Promise<Lease>;
  succeeded(call: C, lease: Lease, answer: A, reply: Reply<A> | undefined): A;
}

export interface FailoverWalkParts<C extends Call, A extends Answer> {
  readonly pool: CallPort;
  readonly transport: Transport<C, A>;
  readonly options: {
    readonly maxAttempts: number | undefined;
    readonly retries: number;
    readonly attemptTimeoutMs: number | undefined;
    readonly clock: Clock;
    readonly random: Random;
  };
  readonly log: AttemptLog;
  readonly failures: FailedAttempts<C, A>;
  readonly commitment: Commitment;
  readonly final: FinalAnswer<C, A>;
  readonly bounds: TimeBounds;
}

/** From the first answer that was not plainly good to the last: other accounts, repeats, and what is handed over in the end. */
export class FailoverWalk<C extends Call, A extends Answer> {
  readonly #loop: LoopSteps<C, A>;
  readonly #parts: FailoverWalkParts<C, A>;

  constructor(loop: LoopSteps<C, A>, parts: FailoverWalkParts<C, A>) {
    this.#loop = loop;
    this.#parts = parts;
  }

  /** From a step to the answer of the call. */
  async recover(call: C, first: Promise<Step<A>>, endsAt: number): Promise<A> {
    let step = await first;
    for (;;) {
      if (step.answer !== undefined) {
        if (call.history !== undefined && call.history.unknownTo > 0) this.#parts.failures.foundAt(step.lease, call);
        if (this.#parts.pool.observers.served !== undefined) this.#servedAfter(call, step.lease);
        return step.answer;
      }
      if (step.next === "return") return this.#parts.final.after(step, call);
      const history = call.history as AttemptHistory<A>;
      if (this.#parts.options.clock.monotonic() >= endsAt) return this.#parts.final.after(step, call);
      if (history.attempts >= this.#mostAttempts) return this.#spent(call, step);
      if (step.next === "repeat") {
        const again = await this.#again(call, step, endsAt);
        if (again === undefined) return this.#parts.final.after(step, call);
        step = again;
        continue;
      }
      if (history.waitUntil !== undefined) {
        if (!(await this.#parts.bounds.waitUntil(history.waitUntil, call, endsAt))) return this.#spent(call, step);
        history.waitUntil = undefined;
      } else if (!step.lease.marked) {
        // Nothing cools down, so waiting brings nobody who knows better: another account now, or this answer.
        step = await this.#onceElsewhere(call, step, endsAt);
        continue;
      }
      step.reply?.discard();
      let lease: Lease;
      try {
        lease = await this.#loop.acquire(call, endsAt);
      } catch (error) {
        return this.#parts.final.unserved(call, error);
      }
      step = await this.#attempt(call, lease, endsAt);
    }
  }

  /** Where nobody said so, no list of dead keys is too long to find a good one at its end. */
  get #mostAttempts(): number {
    const { options, pool } = this.#parts;
    return options.maxAttempts ?? Math.min(Math.max(fewestAttempts, pool.accountCount), mostAttempts);
  }

  /** Another account served what was refused. */
  #servedAfter({ history }: C, lease: Lease): void {
    const { pool } = this.#parts;
    if (history?.refused === undefined) return;
    const changes = pool.observers.changesAfter(pool.factsOf(lease), history.refused);
    if (changes.length > 0) pool.follow(changes, lease);
  }

  /** No further account may be tried. Where there is none anyway, the pool is exhausted and says so as always. */
  async #spent(call: C, step: Step<A>): Promise<A> {
    if (step.next === "failover" && step.lease.marked) {
      call.maxWaitMs = 0;
      try {
        const unused = await this.#parts.pool.acquire(call);
        unused.settle({ outcome: "aborted", sent: "no" });
      } catch (error) {
        return this.#parts.final.unserved(call, error);
      }
    }
    return this.#parts.final.after(step, call);
  }

  /** One more attempt, classified where it failed. */
  #attempt(call: C, lease: Lease, endsAt: number): Promise<Step<A>> {
    const history = call.history as AttemptHistory<A>;
    history.attempts++;
    history.lastReply?.discard();
    if (call.ending !== undefined) call.ending.leased(lease);
    if (this.#parts.pool.events.isHeard) this.#parts.log.selected(call, lease);
    const isBounded = this.#parts.options.attemptTimeoutMs !== undefined || endsAt !== Number.POSITIVE_INFINITY;
    const bound = isBounded ? this.#parts.bounds.signalFor(call, endsAt) : undefined;
    let sent: Promise<A>;
    try {
      sent = this.#parts.transport.send(call, lease, bound === undefined ? call.signal : bound.signal);
    } catch (error) {
      sent = Promise.reject(error);
    }
    return this.stepAfter(call, lease, sent, bound, endsAt);
  }

  /** Waits for an answer, goes on where it leads, and says what follows from it; then its bound is over. */
  async stepAfter(
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
        answer = await this.#parts.transport.follow(call, lease, answer, signal);
        if (call.isAway && answer.status >= 400) {
          // The provider took the key; what another site says, which did not get it, is nothing about it.
          lease.settle({ outcome: "aborted", sent: "yes" });
          return good(answer, lease);
        }
      }
      if (answer.status >= 400) {
        return await this.#parts.failures.refusal(call, lease, this.#parts.transport.open(answer), signal, endsAt);
      }
      const look = lease.provider.hidesErrors ? this.#parts.commitment.lookAt(call, lease.provider, answer) : undefined;
      if (look === undefined) return good(this.#loop.succeeded(call, lease, answer, undefined), lease);
      // The bounds are for headers, and those are here.
      bound?.end();
      return await this.#opened(call, lease, answer, look, endsAt);
    } catch (error) {
      return await this.#parts.failures.failure(call, lease, error, endsAt);
    } finally {
      bound?.end();
    }
  }

  /** Looks how an answer begins before anything of it is handed over. */
  async #opened(call: C, lease: Lease, answer: A, look: Look, endsAt: number): Promise<Step<A>> {
    lease.answered();
    // While the first content is on its way: it is handed over with nothing left to do.
    if (this.#parts.pool.observers.headers !== undefined) this.#parts.pool.observe(lease, answer.headers);
    const reply = this.#parts.transport.open(answer);
    try {
      const found = await this.#parts.commitment.open(
        look,
        call,
        lease.provider,
        reply,
        endsAt,
        this.#parts.pool.contextOf(lease),
      );
      if (found !== undefined) return this.#parts.failures.embedded(call, lease, reply, found, endsAt);
    } catch (error) {
      reply.discard();
      throw error;
    }
    return good(this.#loop.succeeded(call, lease, answer, reply), lease);
  }

  /** At another origin at once, else on the same key after pauses; `undefined`: neither is left. */
  async #again(call: C, failed: Step<A>, endsAt: number): Promise<Step<A> | undefined> {
    const elsewhere = this.#parts.pool.keyEndpoints.hasOwnEndpoints
      ? await this.#atAnotherOrigin(call, failed, endsAt)
      : undefined;
    return elsewhere ?? (call.history?.repeated ? undefined : this.#repeat(call, failed, endsAt));
  }

  /** Leaves an origin in trouble for one that was not seen in any, at once; `undefined`: no key with another one is ready. */
  async #atAnotherOrigin(call: C, failed: Step<A>, endsAt: number): Promise<Step<A> | undefined> {
    // What the call is about is known to one account only.
    if (call.account !== undefined) return undefined;
    const history = call.history as AttemptHistory<A>;
    history.troubled ??= new Set();
    history.troubled.add(endpointOf(failed.lease.key));
    call.avoid = history.troubled;
    call.exclude ??= new Set();
    call.prefer = undefined;
    call.maxWaitMs = 0;
    call.isTrial = true;
    let lease: Lease;
    try {
      lease = await this.#parts.pool.acquire(call);
    } catch (error) {
      if (!AllKeysExhaustedError.isInstance(error)) throw error;
      return undefined;
    } finally {
      call.avoid = undefined;
      call.maxWaitMs = undefined;
      call.isTrial = false;
    }
    failed.reply?.discard();
    return this.#attempt(call, lease, endsAt);
  }

  /** Repeats on the same key after pauses, then once on another account. */
  async #repeat(call: C, failed: Step<A>, endsAt: number): Promise<Step<A>> {
    const history = call.history as AttemptHistory<A>;
    history.repeated = true;
    call.prefer = failed.lease.keyId;
    const { clock, random, retries } = this.#parts.options;
    try {
      const again = async (): Promise<Step<A>> => this.#attempt(call, await this.#loop.acquire(call, endsAt), endsAt);
      const patienceMs = (): number => this.#parts.bounds.patienceMs(call, endsAt);
      const paused = (ms: number): void => {
        history.waitedMs += ms;
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
      call.prefer = undefined;
    }
  }

  async #onceElsewhere(call: C, last: Step<A>, endsAt: number): Promise<Step<A>> {
    // What the call is about is known to one account only.
    if (call.account !== undefined) return { ...last, next: "return" };
    call.prefer = undefined;
    call.exclude ??= new Set();
    call.exclude.add(last.lease.key.account.id);
    call.maxWaitMs = 0;
    call.isTrial = true;
    try {
      const lease = await this.#parts.pool.acquire(call);
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
  return { next: "return", answer, reply: undefined, error: undefined, lease, classification: nothingWrong };
}
