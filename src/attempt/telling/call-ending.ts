import type { UsageShape } from "../../judgement/provider.ts";
import type { Lease } from "../../pool/lease.ts";
import type { CallPort } from "../../pool/pool-port.ts";
import type { AcquireRequest } from "../../pool/rotator-options.ts";
import type { CallOutcome, EndedCall, HeaderReader } from "../../ports.ts";
import type { Usage } from "../../types.ts";
import { UsageReader } from "../reading/usage-reader.ts";

/** A call as far as its end is told. */
export interface TellableCall extends AcquireRequest {
  readonly url: string;
  readonly history: { readonly attempts: number; readonly waitedMs: number } | undefined;
  requestId: string | undefined;
}

/** What a body came to: its end, a broken connection, or a reader who gave up. */
type BodyEnd = "end" | "error" | "cancel";

/** Looks at a body that passes. */
interface BodyLook {
  onChunk(chunk: Uint8Array): void;
  ended(how: BodyEnd): void;
}

/** Follows one call to its end and tells it once. Made only where somebody listens. */
export class CallEnding {
  readonly #pool: CallPort;
  readonly #call: TellableCall;
  readonly #beganAt: number;
  #lease: Lease | undefined = undefined;
  #isOfBody = false;
  #isTold = false;
  #firstContentMs: number | undefined = undefined;
  #usage: Usage | undefined = undefined;
  #answer: { readonly status: number; readonly headers: HeaderReader } | undefined = undefined;

  constructor(pool: CallPort, call: TellableCall) {
    this.#pool = pool;
    this.#call = call;
    this.#beganAt = pool.options.clock.monotonic();
  }

  /** One more attempt, with this key. */
  leased(lease: Lease): void {
    this.#lease = lease;
  }

  /** Whoever has to see the answer's body pass; `undefined`: nobody. */
  lookAt(shape: UsageShape | undefined): BodyLook | undefined {
    const { calls } = this.#pool.observers.wants;
    if (!calls.has("usage") && !calls.has("bodyEnd") && !calls.has("firstContent")) return undefined;
    this.#isOfBody = true;
    const reader = calls.has("usage") && shape !== undefined ? new UsageReader(shape) : undefined;
    return {
      onChunk: (chunk) => {
        if (chunk.length > 0) this.#firstContentMs ??= this.#elapsedMs();
        reader?.push(chunk);
      },
      ended: (how) => {
        this.#usage = reader?.finish();
        this.#tell(how === "end" ? "served" : how === "cancel" ? "aborted" : "passed_on");
      },
    };
  }

  /** Its caller has an answer. */
  answered(answer: { readonly status: number; readonly headers: HeaderReader }): void {
    this.#answer = answer;
    if (this.#isOfBody) return;
    if (this.#lease === undefined) this.#tell("never_leased");
    else this.#tell(answer.status < 400 ? "served" : "passed_on");
  }

  /** Its caller was rejected. */
  failed(): void {
    const { signal, endsAt = Number.POSITIVE_INFINITY } = this.#call;
    const isOver = signal?.aborted === true || this.#pool.options.clock.monotonic() >= endsAt;
    this.#tell(isOver ? "aborted" : this.#lease === undefined ? "never_leased" : "passed_on");
  }

  /** It was answered without being sent. */
  cached(answer: { readonly status: number; readonly headers: HeaderReader }): void {
    this.#answer = answer;
    this.#tell("cached");
  }

  #elapsedMs(): number {
    return this.#pool.options.clock.monotonic() - this.#beganAt;
  }

  #tell(outcome: CallOutcome): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const { observers } = this.#pool;
    const ended = this.#factsOf(outcome);
    for (const observer of observers.calls ?? []) observers.guard(() => observer.callEnded(ended));
  }

  #factsOf(outcome: CallOutcome): EndedCall {
    const call = this.#call;
    const lease = this.#lease;
    call.requestId ??= this.#pool.nameOf(call);
    const realModel = lease === undefined ? undefined : this.#pool.factsOf(lease).model;
    const { requestId, tags, url, history } = call;
    return {
      requestId,
      outcome,
      model: call.model ?? realModel,
      realModel,
      path: URL.canParse(url) ? new URL(url).pathname : url,
      keyId: lease?.keyId ?? null,
      account: lease?.account ?? null,
      provider: (lease?.provider.provider ?? this.#pool.provider).name,
      attempts: history?.attempts ?? (lease === undefined ? 0 : 1),
      status: this.#answer?.status ?? null,
      waitedMs: history?.waitedMs ?? lease?.waitedMs ?? 0,
      elapsedMs: this.#elapsedMs(),
      firstContentMs: this.#firstContentMs,
      usage: this.#usage,
      headers: this.#pool.observers.wants.calls.has("headers") ? this.#answer?.headers : undefined,
      tags,
    };
  }
}

/** Begins a call, and tells how it ended, however it did. */
export async function telling<A extends { readonly status: number; readonly headers: HeaderReader }>(
  pool: CallPort,
  call: TellableCall & { ending: CallEnding | undefined },
  begin: () => Promise<A>,
): Promise<A> {
  const ending = new CallEnding(pool, call);
  call.ending = ending;
  try {
    const answer = await begin();
    ending.answered(answer);
    return answer;
  } catch (error) {
    ending.failed();
    throw error;
  }
}
