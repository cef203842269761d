import type { Overrule } from "../judgement/classification-hooks.ts";
import { Refusal } from "../judgement/evidence/refusal.ts";
import { classifyTransportError } from "../judgement/reading/transport.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import { timeoutReason, untilEnded } from "../pool/waiting/bounded-wait.ts";
import type { Classification, Clock } from "../types.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { type Answer, AttemptHistory, type Call, FinalFailure, type Reply, type Step } from "./call.ts";
import type { EmbeddedError } from "./reading/commitment.ts";
import { impliedStatus, isDead, isGuess, mayAskAnother, nextStep, unlessOutcome } from "./repeat-rules.ts";
import type { PoolPins } from "./resource-pins.ts";
import { withNames } from "./trace.ts";

export interface FailedAttemptsOptions {
  readonly clock: Clock;
  /** Repeat also what may have been executed. */
  readonly retryUnsafe: boolean;
  readonly pins: PoolPins;
}

/** How much of a refused body is read: enough for every error format, and the connection can be used again. */
const refusedBodyBytes = 65_536;
/** So many accounts may one call put into cooldown on guesses, and ask so many in all. */
const mostGuesses = 2;
const mostGuessed = 5;
/** So many that do not know what a call is about are asked before it is told so. */
const mostUnknowing = 8;
/** How long an account comes last that was the third, milliseconds. */
const comesLastMs = 30_000;
/** How long reading it may take: another account may be free meanwhile. Milliseconds. */
const refusedBodyMs = 10_000;

type Sent = "no" | "yes" | "unknown";

export const nothingWrong: Classification = {
  kind: "none",
  scope: "request",
  sharedBy: "request",
  window: null,
  dimension: null,
  retryAfterMs: null,
  retryable: false,
  failover: false,
  disableKey: false,
  strength: "certain",
};

const aborted: Classification = { ...nothingWrong, kind: "aborted" };

/** Has failed attempts classified, settles their leases, and says what follows. */
export class FailedAttempts<C extends Call, A extends Answer> {
  readonly #pool: CallPort;
  readonly #overrule: Overrule | undefined;
  readonly #log: AttemptLog;
  readonly #options: FailedAttemptsOptions;

  constructor(pool: CallPort, overrule: Overrule | undefined, log: AttemptLog, options: FailedAttemptsOptions) {
    this.#pool = pool;
    this.#overrule = overrule;
    this.#log = log;
    this.#options = options;
  }

  /** An answer that says no. */
  async refusal(
    call: C,
    lease: Lease,
    reply: Reply<A>,
    signal: AbortSignal | undefined,
    endsAt: number,
  ): Promise<Step<A>> {
    const { clock } = this.#options;
    const elapsedMs = clock.monotonic() - lease.startedAt;
    const body = await this.#read(call, lease, reply, signal);
    const { status, headers } = reply;
    const input = { status, headers, body, now: clock.wall(), context: this.#pool.contextOf(lease) };
    let classification = lease.provider.classify(input, this.#overrule);
    if (status === 402)
      classification = unlessOutcome(classification, call, lease.provider.provider, this.#options.retryUnsafe);
    if (classification.scope === "model" || classification.limit !== undefined) await call.makeReadable(undefined);
    const finding = { status, reply, error: undefined, classification, sent: "yes", body, elapsedMs, endsAt } as const;
    return this.#conclude(call, lease, finding);
  }

  /** An answer whose status says success and whose body says no. */
  embedded(call: C, lease: Lease, reply: Reply<A>, { classification, text }: EmbeddedError, endsAt: number): Step<A> {
    const elapsedMs = this.#options.clock.monotonic() - lease.startedAt;
    const status = impliedStatus(classification);
    return this.#conclude(call, lease, {
      status,
      reply,
      error: undefined,
      classification,
      sent: "yes",
      body: text,
      elapsedMs,
      endsAt,
    });
  }

  /** No answer: the transport failed, or the caller gave up. */
  async failure(call: C, lease: Lease, error: unknown, endsAt: number): Promise<Step<A>> {
    const { clock } = this.#options;
    if (call.signal?.aborted) {
      lease.settle({ outcome: "aborted", sent: "unknown" });
      return {
        next: "return",
        answer: undefined,
        reply: undefined,
        error: call.signal.reason,
        lease,
        classification: aborted,
      };
    }
    const final = error instanceof FinalFailure ? error.cause : call.isUnsendable(error) ? error : undefined;
    if (final !== undefined) {
      lease.settle({ outcome: "aborted", sent: error === final ? "no" : "yes" });
      return { next: "return", answer: undefined, reply: undefined, error: final, lease, classification: nothingWrong };
    }
    const elapsedMs = clock.monotonic() - lease.startedAt;
    const input = { error, now: clock.wall(), context: this.#pool.contextOf(lease) };
    const classified = lease.provider.classify(input, this.#overrule);
    const { sent, isOwnLimit } = classifyTransportError(error);
    // How long a transport waits is no word of the provider's: nothing is put into cooldown for it.
    const classification: Classification = isOwnLimit
      ? { ...classified, scope: "request", sharedBy: "request" }
      : classified;
    const finding = { status: null, reply: undefined, error, classification, sent, body: "", elapsedMs, endsAt };
    return this.#conclude(call, lease, finding);
  }

  #conclude(call: C, lease: Lease, found: Finding<A>): Step<A> {
    const { reply, error, classification, sent, elapsedMs, endsAt } = found;
    // Nobody else asks for it.
    const { scope, limit, kind } = classification;
    if (scope === "model" || limit !== undefined || kind === "overloaded") lease.findModel(lease.provider.request);
    const outcome =
      classification.kind === "none" ? "success" : classification.kind === "aborted" ? "aborted" : "failure";
    const settled = this.#withinBounds(call, lease, classification);
    lease.settle({ outcome, sent, classification: settled, headers: reply?.headers, text: found.body });
    const { isHeard } = this.#pool.events;
    if (isHeard && outcome === "failure")
      this.#log.failed(call, lease, reply?.status ?? null, classification, elapsedMs);
    else if (isHeard && outcome === "success" && reply !== undefined) this.#log.succeeded(call, lease, reply.status);
    const next = this.#remember(call, lease, found);
    const timedOut = reply === undefined && endsAt <= this.#options.clock.monotonic();
    return {
      next,
      answer: undefined,
      reply,
      error: timedOut ? timeoutReason(call.endedBy) : error,
      lease,
      classification,
    };
  }

  /** After two guesses, a call puts no further account into cooldown for one: that comes last for a while. */
  #withinBounds(call: C, lease: Lease, classification: Classification): Classification {
    if (!isGuess(classification)) return classification;
    const guesses = (call.history?.guesses ?? 0) + 1;
    if (guesses <= mostGuesses) return classification;
    this.#pool.follow([{ deprioritize: lease.key.account.id, forMs: comesLastMs }], lease);
    return { ...classification, scope: "request", sharedBy: "request" };
  }

  async #read(call: C, lease: Lease, reply: Reply<A>, signal: AbortSignal | undefined): Promise<string> {
    const { clock } = this.#options;
    const cancelTimer = clock.timer(() => reply.discard(), refusedBodyMs);
    try {
      const read = reply.readCapped(refusedBodyBytes);
      return await (signal === undefined ? read : untilEnded(read, { signal }, clock));
    } catch {
      // Somebody else's `fetch` may not know of signals.
      if (signal?.aborted) reply.discard();
      // A body cut short: the status alone is classified. An abort shows at the next step.
      if (call.signal?.aborted) {
        lease.settle({ outcome: "aborted", sent: "yes" });
        throw call.signal.reason;
      }
      return "";
    } finally {
      cancelTimer();
    }
  }

  /** Keeps what later steps need, and says what the next one is. */
  #remember(call: C, lease: Lease, finding: Finding<A>): Step<A>["next"] {
    const { status, reply, error, classification, sent } = finding;
    call.history ??= new AttemptHistory<Answer>();
    const history = call.history as unknown as AttemptHistory<A>;
    history.waitedMs += lease.waitedMs;
    const elapsedMs = Math.ceil(finding.elapsedMs);
    const key = lease.ordinal;
    const whose = this.#pool.providers.length > 1 ? lease.provider.provider.name : undefined;
    const tried = { key, provider: whose, outcome: classification.kind, status: reply?.status ?? null, elapsedMs };
    history.tried.push(lease.key.config.models === undefined ? tried : withNames(tried, lease, call.model));
    history.lastError = error;
    history.lastReply = reply;
    history.lastFailedAt = reply === undefined ? "error" : "reply";
    if (reply !== undefined && reply.status >= 400) remember(history, reply, isDead(classification));
    const elsewhere = status === 404 ? this.#soughtElsewhere(call, history, lease) : undefined;
    if (elsewhere !== undefined) return elsewhere;
    const { provider } = lease.provider;
    const next = nextStep(classification, call, status, sent, provider, this.#options.retryUnsafe);
    if (next !== "failover" && provider.bindsToAccount === true) call.account ??= lease.key.account.id;
    const advised =
      this.#pool.observers.advisors === undefined ? undefined : this.#advised(call, history, lease, finding);
    if (advised !== undefined) return advised;
    if (next !== "failover") return next;
    if (isGuess(classification) && ++history.guesses >= mostGuessed) return "return";
    if (!lease.marked) {
      call.exclude ??= new Set();
      call.exclude.add(lease.key.account.id);
    }
    return next;
  }

  /** Nobody knows whose it is: another account may be the one that made it. `undefined`: it is about nothing of that kind. */
  #soughtElsewhere(call: C, history: AttemptHistory<A>, lease: Lease): Step<A>["next"] | undefined {
    const { resources } = lease.provider.provider;
    if (resources === undefined || call.account !== undefined || this.#pool.accountCount < 2) return undefined;
    if (!this.#options.pins.mayBeElsewhere(call, resources)) return undefined;
    if (history.unknownTo >= mostUnknowing) return "return";
    history.unknownTo++;
    call.exclude ??= new Set();
    call.exclude.add(lease.key.account.id);
    return "failover";
  }

  /** It was an account that was asked after others. */
  foundAt({ provider: { provider }, key }: Lease, call: C): void {
    if (provider.resources !== undefined) this.#options.pins.foundAt(key.account.id, call, provider.resources);
  }

  /** What follows on an advisor's word; `undefined`: none has anything to say, or a body cannot be sent again. */
  #advised(call: C, history: AttemptHistory<A>, lease: Lease, finding: Finding<A>): Step<A>["next"] | undefined {
    const { observers } = this.#pool;
    const { classification } = finding;
    if (classification.kind === "aborted" || classification.kind === "none") return undefined;
    const { status, reply, body } = finding;
    const facts = this.#pool.factsOf(lease);
    const { secondOpinion } = this.#pool.options;
    const repeatable = mayAskAnother(call, lease.provider.provider, this.#options.retryUnsafe, secondOpinion);
    const subject = call.affinity ?? call;
    const refusal = new Refusal(
      { lease: facts, status, classification, headers: reply?.headers, subject, repeatable },
      body,
    );
    const earlier = history.refused ?? [];
    history.refused = [...earlier, refusal];
    const advice = observers.advice(refusal, earlier);
    if (advice === undefined) return undefined;
    if (advice.changes !== undefined) {
      if (advice.changes.some((change) => "scope" in change)) history.guesses++;
      this.#pool.follow(advice.changes, lease);
    }
    if (advice.advice === "return") return "return";
    if (!call.replayable || call.account !== undefined) return "return";
    if (advice.advice === "wait") {
      // Then any account may serve it, those that refused it too.
      call.exclude?.clear();
      history.waitUntil = advice.until;
      return "failover";
    }
    call.exclude ??= new Set();
    call.exclude.add(lease.key.account.id);
    for (const account of advice.except ?? []) call.exclude.add(account);
    return "failover";
  }
}

/** A dead key's refusal takes no limited one's place. */
function remember<A extends Answer>(history: AttemptHistory<A>, reply: Reply<A>, isDead: boolean): void {
  const before = history.refusals.get(reply.status);
  if (isDead) {
    history.dead ??= new Set();
    history.dead.add(reply);
    if (before !== undefined && !history.dead.has(before)) return;
  }
  history.refusals.set(reply.status, reply);
}

interface Finding<A extends Answer> {
  /** The status, or the one that an error inside an answer amounts to; `null`: no answer came. */
  readonly status: number | null;
  readonly reply: Reply<A> | undefined;
  readonly error: unknown;
  readonly classification: Classification;
  readonly sent: Sent;
  readonly body: string;
  readonly elapsedMs: number;
  readonly endsAt: number;
}
