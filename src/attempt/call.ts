import type { HeaderSource } from "../core/error-classifier.ts";
import type { Lease } from "../core/lease.ts";
import type { AcquireRequest } from "../core/rotator-options.ts";
import type { Classification } from "../types.ts";

/** What a caller may say of one call, beside the request itself. */
export interface CallOptions {
  /** The call ends no later than this, epoch milliseconds. @default none */
  readonly deadline?: number | undefined;
  /** Told with every event of the call. @default none */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** An answer, as far as the loop needs to see it. Each face of the library has its own kind. */
export interface Reply {
  readonly status: number;
  readonly headers: HeaderSource;
  /** Reads the body up to a cap and lets go of the rest when the answer is given up. */
  readCapped(maxBytes: number): Promise<string>;
  /** Gives the answer up: its connection is freed. */
  discard(): void;
  /** Tells, once the answer is delivered, when its body has ended, broken or been cancelled. */
  whenEnded(ended: (how: "end" | "error" | "cancel") => void): void;
}

/** What is said to a caller when no key can serve. */
export interface ExhaustedAnswer {
  readonly status: number;
  readonly retryAfterMs: number | null;
  readonly body: string;
}

/** Sends a call with a key, and makes answers of its own. One for each face. */
export interface Transport<C extends Call, R extends Reply> {
  send(call: C, lease: Lease, signal: AbortSignal | undefined): Promise<R>;
  /** The answer for an exhausted pool; `last` is the provider's own refusal, where this call has one. */
  exhausted(call: C, answer: ExhaustedAnswer, last: R | undefined): R;
}

/** What a failed call has been through. Made at the first failure, so that calls without one do not pay for it. */
export class Trail<R extends Reply> {
  attempts = 1;
  /** Has the stage of repeating on the same key been through? */
  repeated = false;
  prefer: string | undefined;
  exclude: Set<string> | undefined;
  lastReply: R | undefined;
  lastError: unknown;
  lastFailedAt: "reply" | "error" = "reply";
  /** Latest refusals by status, for the exhausted answer. */
  readonly refusals = new Map<number, R>();
  /** Refusals that may be the request's own fault, with the leases they marked. */
  readonly suspicions: { readonly account: string; readonly print: string; readonly lease: Lease }[] = [];
}

/** One call on its way. Doubles as the request a rotator is asked with. */
export abstract class Call implements AcquireRequest {
  readonly signal: AbortSignal | undefined;
  readonly options: CallOptions | undefined;
  abstract readonly method: string;
  abstract readonly origin: string;
  /** Can the body be sent again? */
  replayable = true;
  model: string | undefined;
  requestId: string | undefined;
  trail: Trail<Reply> | undefined;
  /** Overrides the rotator's `maxWaitMs` for the next acquire. */
  maxWaitMs: number | undefined;

  constructor(signal: AbortSignal | undefined, options: CallOptions | undefined) {
    this.signal = signal;
    this.options = options;
    this.model = undefined;
    this.requestId = undefined;
    this.trail = undefined;
    this.maxWaitMs = undefined;
  }

  /** Does repeating it change nothing? By method, or because the caller made it so. */
  abstract get idempotent(): boolean;

  /** Looks for the model in the request. */
  abstract findModel(field: string): string | undefined;

  get deadline(): number | undefined {
    return this.options?.deadline;
  }

  get tags(): Readonly<Record<string, string>> | undefined {
    return this.options?.tags;
  }

  get exclude(): ReadonlySet<string> | undefined {
    return this.trail?.exclude;
  }

  get prefer(): string | undefined {
    return this.trail?.prefer;
  }
}

/** How one attempt ended and what follows from it. */
export interface Step<R extends Reply> {
  readonly next: "return" | "failover" | "repeat";
  readonly reply: R | undefined;
  readonly error: unknown;
  readonly lease: Lease;
  readonly judged: Classification;
}
