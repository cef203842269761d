import type { RequestShape } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { HeaderSource } from "../judgement/reading/headers.ts";
import type { RotatorEvents } from "../pool/events.ts";
import type { Lease } from "../pool/lease.ts";
import type { AcquireRequest } from "../pool/rotator-options.ts";
import type { RefusedAttempt } from "../ports.ts";
import type { AttemptSummary, Classification, TokenEstimate } from "../types.ts";
import type { CallEnding } from "./telling/call-ending.ts";

/** What a caller may say of one call, beside the request itself. */
export interface CallOptions {
  /** The call ends no later than this, epoch milliseconds. @default none */
  readonly deadline?: number | undefined;
  /** Where calls wait for a key, lower numbers are served first. @default 0 */
  readonly priority?: number | undefined;
  /** Calls with the same text are kept on one account while it can serve them: a session, a user. @default none */
  readonly affinity?: string | undefined;
  /** The account whose keys alone may serve them, by its name. @default any */
  readonly account?: string | undefined;
  /** The provider whose keys alone may serve them, by its name. @default any */
  readonly provider?: string | undefined;
  /** Told with every event of the call. @default none */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** What a transport brings back: a `Response`, or whatever a adapter works with. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** How the body of a delivered answer came to its end. */
export type BodyEnd = "end" | "error" | "cancel";

/** Who is told how a delivered body goes. */
export interface BodyWatch {
  /** Called once. */
  readonly ended: (how: BodyEnd) => void;
  /** Sees what passes, before whoever reads it. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
  /** The caller's: the body ends with its reason when it aborts, whatever the transport makes of it. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer that is looked into. Made only for those that were not plainly good. */
export interface Reply<A extends Answer> {
  readonly status: number;
  readonly headers: HeaderSource & { get(name: string): string | null };
  /** Reads the body up to a cap and lets go of the rest when the answer is given up. */
  readCapped(maxBytes: number): Promise<string>;
  /**
   * Reads on until enough has been seen, the body ends, or `interrupt` says that it is late. What was read is kept for
   * whoever gets the answer. Rejects when the body breaks, and with what `interrupt` rejects with.
   */
  readUntil(
    seenEnough: (chunk: Uint8Array) => boolean,
    interrupt?: Promise<"late">,
  ): Promise<"enough" | "end" | "late">;
  /** Makes ready what can be, while the answer is waited for. */
  prepare(): void;
  /** Gives the answer up: its connection is freed. */
  discard(): void;
  /** The answer for the caller, as if its body had not been read, with headers of its own changed. */
  deliver(watch?: BodyWatch | undefined, changed?: Readonly<Record<string, string | null>> | undefined): A;
}

/**
 * Thrown by a transport for a failure that follows from the request and would come again with every key. Its `cause` is
 * what the caller gets.
 */
export class FinalFailure extends Error {
  constructor(cause: unknown) {
    super("final failure", { cause });
  }
}

/** What is said to a caller when no key can serve. */
export interface ExhaustedAnswer {
  readonly status: number;
  readonly retryAfterMs: number | null;
  readonly body: string;
  /** Further headers. */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/** Sends a call with a key, and makes answers of its own. One for each adapter. */
export interface Transport<C extends Call, A extends Answer> {
  send(call: C, lease: Lease, signal: AbortSignal | undefined): Promise<A>;
  /** Goes on where an answer from 300 to 399 leads, or returns it. */
  follow(call: C, lease: Lease, answer: A, signal: AbortSignal | undefined): Promise<A>;
  open(answer: A): Reply<A>;
  /** The answer for an exhausted pool; `last` is the provider's own refusal, where this call has one. */
  exhausted(call: C, answer: ExhaustedAnswer, last: Reply<A> | undefined): A;
}

/** What a failed call has been through. Made at the first failure, so that calls without one do not pay for it. */
export class AttemptHistory<A extends Answer> {
  attempts = 1;
  /** How long the call has waited inside for keys and before repeats, milliseconds. */
  waitedMs = 0;
  /** Has the stage of repeating on the same key been through? */
  repeated = false;
  /** Endpoints that were in trouble. */
  declare troubled: Set<string> | undefined;
  /** Monotonic time before which no further attempt is made, on an advisor's word. */
  waitUntil: number | undefined;
  /** The refusals so far, as advisors see them. */
  refused: RefusedAttempt[] | undefined;
  lastError: unknown;
  lastReply: Reply<A> | undefined;
  lastFailedAt: "reply" | "error" = "reply";
  /** What became of the tries so far. */
  readonly tried: AttemptSummary[] = [];
  /** Latest refusals by status, for the exhausted answer. */
  readonly refusals = new Map<number, Reply<A>>();
  /** Refusals of dead keys and spent accounts: none of them is over after some time. */
  dead: Set<Reply<A>> | undefined;
  /** How many accounts it was refused by in words that name no owner. */
  guesses = 0;
  /** How many accounts did not know what it is about. */
  unknownTo = 0;
}

/**
 * One call on its way. Doubles as the request a rotator is asked with. Its fields are only declared, and made by the constructor:
 * otherwise each of them would be set twice, for every call.
 */
export abstract class Call implements AcquireRequest {
  declare readonly options: CallOptions | undefined;
  abstract readonly signal: AbortSignal | undefined;
  abstract readonly method: string;
  abstract readonly origin: string;
  /** Can the body be sent again? */
  declare replayable: boolean;
  declare model: string | undefined;
  declare requestId: string | undefined;
  declare history: AttemptHistory<Answer> | undefined;
  /** Accounts that are not to be asked again. */
  declare exclude: Set<string> | undefined;
  /** Endpoints in trouble, while another one is asked for: few calls ever have it. */
  declare avoid?: ReadonlySet<string> | undefined;
  /** The key that is repeated on. */
  declare prefer: string | undefined;
  /** Overrides the rotator's `maxWaitMs` for the next acquire. */
  declare maxWaitMs: number | undefined;
  /** Tells its end, where somebody listens. */
  declare ending: CallEnding | undefined;
  /** Monotonic time at which the call is over. */
  declare endsAt: number | undefined;
  /** The option that set that time. */
  declare endedBy: "totalTimeoutMs" | "deadline";
  /** The account that made what the call is about. */
  declare account: string | undefined;
  /** Whose keys alone may serve it. */
  declare readonly only: CallOptions | undefined;
  /** Something is left to do when there is no key for it. */
  declare isTrial: boolean;
  /** Did a redirect lead to another origin, without the key? */
  declare isAway: boolean;
  declare affinity: string | undefined;
  declare tokens: (() => TokenEstimate) | undefined;

  constructor(options: CallOptions | undefined) {
    this.options = options;
    this.replayable = true;
    this.model = undefined;
    this.requestId = undefined;
    this.history = undefined;
    this.exclude = undefined;
    this.prefer = undefined;
    this.maxWaitMs = undefined;
    this.ending = undefined;
    this.endsAt = undefined;
    this.endedBy = "totalTimeoutMs";
    this.account = undefined;
    this.only = options?.account === undefined && options?.provider === undefined ? undefined : options;
    this.isTrial = false;
    this.isAway = false;
    this.affinity = options?.affinity;
    this.tokens = undefined;
  }

  /** Does repeating it change nothing? By method, or because the caller made it so. */
  abstract get idempotent(): boolean;

  /** Was it never sent, because no runtime would send such a request? Then no key can help. */
  abstract isUnsendable(error: unknown): boolean;

  /** What the caller put into a header of the request; `null`: nothing. */
  abstract headerText(name: string): string | null;

  /** Where the request goes, without credentials a key brings. */
  abstract readonly url: string;

  /** The body as far as it is text. */
  abstract readonly text: string | undefined;

  /**
   * Unpacks or fetches what has to be before anything can be found in the body. `undefined`: nothing is left to do.
   * @param pool where it renames models, only all of the body will do, as it may be written anew
   */
  abstract makeReadable(pool: { readonly renamesModels: boolean } | undefined): Promise<void> | undefined;

  /** Why nothing can be found in the body; `undefined`: it can be, or there is none. */
  abstract readonly unreadable: RotatorEvents["model-unknown"]["reason"] | undefined;

  /** Guesses how many tokens it will use. */
  abstract estimateTokens(): TokenEstimate;

  /** Looks for the model in the request. */
  abstract findModel(shape: RequestShape): string | undefined;

  get deadline(): number | undefined {
    return this.options?.deadline;
  }

  get priority(): number | undefined {
    return this.options?.priority;
  }

  get tags(): Readonly<Record<string, string>> | undefined {
    return this.options?.tags;
  }
}

/** The model a request names, as one of these providers is told it: asked before it is known whose key it gets. */
export function modelIn(call: Pick<Call, "findModel">, providers: readonly ProviderReading[]): string | undefined {
  for (const { request } of providers) {
    const model = call.findModel(request);
    if (model !== undefined) return model;
  }
  return undefined;
}

/** How one attempt ended and what follows from it. */
export interface Step<A extends Answer> {
  readonly next: "return" | "failover" | "repeat";
  /** A good answer. */
  readonly answer: A | undefined;
  /** One that was classified. */
  readonly reply: Reply<A> | undefined;
  readonly error: unknown;
  readonly lease: Lease;
  readonly classification: Classification;
}
