import { AllKeysExhaustedError } from "../errors.ts";
import type { Provider } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { isForLimits } from "../pool/exhaustion.ts";
import type { Lease } from "../pool/lease.ts";
import type { AttemptSummary, Clock } from "../types.ts";
import type { Answer, AttemptHistory, Call, Reply, Step, Transport } from "./call.ts";
import { exhaustedAnswer } from "./exhausted-answer.ts";
import { renamedBy, traceHeader, traceOf } from "./trace.ts";

export type OnExhausted<A> = "respond" | "throw" | ((error: AllKeysExhaustedError) => A | Promise<A>);

export interface FinalAnswerOptions<A> {
  readonly onExhausted: OnExhausted<A>;
  /** How the API that callers speak writes its errors. @default as OpenAI does */
  readonly errorShape: Provider["errorShape"];
  /** Whose keys there are. */
  readonly providers: () => readonly ProviderReading[];
  /** Say in a header of every answer how it came about? */
  readonly trace: boolean;
  readonly clock: Clock;
  /** Are callers strangers, who are told nothing of the pool? @default false */
  readonly isDiscreet?: boolean | undefined;
}

type AddedHeaders = Readonly<Record<string, string>> | undefined;

/** A stranger would take a 401 for a word on the token that was meant for us. */
function discreet(error: AllKeysExhaustedError): AllKeysExhaustedError {
  const status = error.status === 429 || error.status === 404 ? error.status : 503;
  return Object.assign(error, { status, statusCode: status });
}

/** What a caller gets in the end: the answer there was, one made for an exhausted pool, or an error. */
export class FinalAnswer<C extends Call, A extends Answer> {
  readonly #transport: Transport<C, A>;
  readonly #options: FinalAnswerOptions<A>;

  constructor(transport: Transport<C, A>, options: FinalAnswerOptions<A>) {
    this.#transport = transport;
    this.#options = options;
  }

  /** What a good answer gets along. */
  headersOfSuccess(call: C, lease: Lease, status: number): AddedHeaders {
    if (!this.#options.trace) return undefined;
    const answeredAt = lease.answeredAt === 0 ? this.#options.clock.monotonic() : lease.answeredAt;
    const elapsedMs = Math.ceil(answeredAt - lease.startedAt);
    const provider = this.#options.providers().length > 1 ? lease.provider.provider.name : undefined;
    const renamed = renamedBy(lease, call.model);
    const last: AttemptSummary = { key: lease.ordinal, provider, outcome: "none", status, elapsedMs, renamed };
    return { [traceHeader]: traceOf([...(call.history?.tried ?? []), last]) };
  }

  /** The answer of a call's last step. */
  after(step: Step<A>, call: C): A {
    if (step.answer !== undefined) return step.answer;
    if (step.reply !== undefined) return step.reply.deliver(undefined, this.#headersOf(call));
    throw call.signal?.aborted ? call.signal.reason : step.error;
  }

  /** What a call gets that there was no key for. */
  async unserved(call: C, error: unknown): Promise<A> {
    if (!AllKeysExhaustedError.isInstance(error)) throw error;
    const history = call.history as AttemptHistory<A> | undefined;
    error.attempts = history?.attempts ?? 0;
    error.trail = history?.tried ?? [];
    const { onExhausted } = this.#options;
    const own = onExhausted === "respond" ? this.#ownRefusal(error, history) : undefined;
    if (history?.lastReply !== own) history?.lastReply?.discard();
    if (history !== undefined && history.lastFailedAt === "error") throw history.lastError;
    if (onExhausted === "respond") {
      const answer = exhaustedAnswer(error, this.#options.errorShape, this.#options.isDiscreet);
      return this.#transport.exhausted(call, { ...answer, headers: this.#headersOf(call) }, own);
    }
    if (typeof onExhausted === "function")
      return onExhausted(this.#options.isDiscreet === true ? discreet(error) : error);
    if (history?.lastError !== undefined) error.cause = history.lastError;
    throw error;
  }

  #headersOf(call: C): AddedHeaders {
    const { tried = [] } = call.history ?? {};
    return this.#options.trace && tried.length > 0 ? { [traceHeader]: traceOf(tried) } : undefined;
  }

  /** The provider's own refusal that fits the pool's state; where this call tried every account, the last one says most. */
  #ownRefusal(error: AllKeysExhaustedError, history: AttemptHistory<A> | undefined): Reply<A> | undefined {
    if (history === undefined) return undefined;
    // To a stranger the provider's 401 would say that the token is wrong that was meant for us.
    if (this.#options.isDiscreet === true && error.status !== 429) return undefined;
    // Google's SDK drops headers: only a made body can tell it when the pool is back.
    if (this.#options.errorShape === "gemini" && error.retryAfterMs !== null) return undefined;
    const { limited, credential, disabled, unsuitable } = error.reasons;
    const triedAll = history.attempts >= limited + credential + disabled + unsuitable;
    // A dead key's words beside a limited one's time would be a lie.
    const dead = isForLimits(error) ? history.dead : undefined;
    const fits = (reply: Reply<A> | undefined): boolean => reply !== undefined && dead?.has(reply) !== true;
    const last = triedAll ? [history.lastReply, ...[...history.refusals.values()].reverse()].find(fits) : undefined;
    const ofStatus = history.refusals.get(error.status);
    const own = fits(ofStatus) ? ofStatus : last;
    // An error inside a success would be none to those who look at the status.
    return own !== undefined && own.status >= 400 ? own : undefined;
  }
}
