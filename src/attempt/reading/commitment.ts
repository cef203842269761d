import type { ErrorClassifier } from "../../judgement/error-classifier.ts";
import type { Provider, StreamShape } from "../../judgement/provider.ts";
import type { HeaderSource } from "../../judgement/reading/headers.ts";
import type { Classification, ClassificationContext, Clock } from "../../types.ts";
import { StreamOpening } from "./stream-opening.ts";

export interface CommitmentOptions {
  readonly clock: Clock;
  /** How long the beginning of an answer may be kept back, milliseconds. */
  readonly commitHoldMs: number;
}

/** A call whose answer is looked into. */
export interface LookingCall {
  readonly method: string;
  readonly signal: AbortSignal | undefined;
}

/** An answer that is looked into while its body comes. */
export interface OpeningReply {
  readonly status: number;
  readonly headers: HeaderSource;
  readUntil(
    seenEnough: (chunk: Uint8Array) => boolean,
    interrupt?: Promise<"late">,
  ): Promise<"enough" | "end" | "late">;
  prepare(): void;
}

/** A JSON answer longer than this is a success: errors are short. */
const mostJsonBytes = 65_536;

/** An error that stood in an answer whose status says success. */
export interface EmbeddedError {
  readonly judged: Classification;
  /** Where it stood. */
  readonly text: string;
}

/** How a good answer may hold an error: in its events, or in its JSON. */
export type Look = "events" | "json";

/** Is it a stream of server-sent events? */
export function isEventStream(contentType: string | null): boolean {
  return contentType?.startsWith("text/event-stream") === true;
}

/**
 * Looks into answers that say success before anything of them is handed over: until then another key can still be tried.
 * Only answers of providers that are known to put errors there.
 */
export class Commitment {
  readonly #classifier: ErrorClassifier;
  readonly #stream: StreamShape | undefined;
  readonly #looksAtJson: boolean;
  readonly #options: CommitmentOptions;
  /** Is any answer to be looked at? */
  readonly #isNeeded: boolean;

  constructor(classifier: ErrorClassifier, { stream, errorsInside200 }: Provider, options: CommitmentOptions) {
    this.#classifier = classifier;
    this.#stream = stream;
    this.#looksAtJson = errorsInside200 === true;
    this.#options = options;
    this.#isNeeded = options.commitHoldMs > 0 && (stream !== undefined || this.#looksAtJson);
  }

  lookAt(
    call: LookingCall,
    { status, headers }: { readonly status: number; readonly headers: { get(name: string): string | null } },
  ): Look | undefined {
    if (!this.#isNeeded || status >= 300 || status === 204) return undefined;
    const type = headers.get("content-type");
    // A stream that is only listened to may have nothing to say for hours.
    if (isEventStream(type)) return this.#stream === undefined || call.method === "GET" ? undefined : "events";
    if (!this.#looksAtJson || type?.startsWith("application/json") !== true) return undefined;
    return Number(headers.get("content-length") ?? 0) > mostJsonBytes ? undefined : "json";
  }

  /** Reads on until the answer is known to be good, or may not be kept back any longer. Returns the error that stood there. */
  async open(
    look: Look,
    call: LookingCall,
    reply: OpeningReply,
    endsAt: number,
    context: ClassificationContext,
  ): Promise<EmbeddedError | undefined> {
    const { clock, commitHoldMs } = this.#options;
    const { interrupt, end } = interruption(call, Math.min(commitHoldMs, endsAt - clock.monotonic()), clock);
    try {
      return look === "events"
        ? await this.#openEvents(reply, interrupt, context)
        : await this.#openJson(reply, interrupt, context);
    } finally {
      end();
    }
  }

  async #openEvents(
    reply: OpeningReply,
    interrupt: Promise<"late">,
    context: ClassificationContext,
  ): Promise<EmbeddedError | undefined> {
    let found: EmbeddedError | undefined;
    const opening = new StreamOpening(this.#stream as StreamShape, (body, text) => {
      found = this.#judge(reply, body, text, context);
      return found !== undefined;
    });
    const opened = reply.readUntil((chunk) => opening.push(chunk), interrupt);
    // Content may take long to come, and is handed on at once when it does.
    reply.prepare();
    await opened;
    return found;
  }

  async #openJson(
    reply: OpeningReply,
    interrupt: Promise<"late">,
    context: ClassificationContext,
  ): Promise<EmbeddedError | undefined> {
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    const seen = await reply.readUntil((chunk) => {
      size += chunk.byteLength;
      text += decoder.decode(chunk, { stream: true });
      return size > mostJsonBytes;
    }, interrupt);
    return seen === "end" ? this.#judge(reply, text, text, context) : undefined;
  }

  #judge(
    { status, headers }: OpeningReply,
    body: unknown,
    text: string,
    context: ClassificationContext,
  ): EmbeddedError | undefined {
    const now = this.#options.clock.wall();
    const judged = this.#classifier.classify({ status, headers, body, now, context });
    return judged.kind === "none" ? undefined : { judged, text };
  }
}

/** Resolves when the time is over, rejects when the caller gives up. */
function interruption(
  { signal }: LookingCall,
  ms: number,
  clock: Clock,
): { readonly interrupt: Promise<"late">; end(): void } {
  let end = (): void => {};
  const interrupt = new Promise<"late">((resolve, reject) => {
    const cancelTimer = clock.timer(() => resolve("late"), Math.max(0, ms));
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    end = () => {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    };
    if (signal?.aborted) onAbort();
  });
  interrupt.catch(() => {});
  return { interrupt, end: () => end() };
}
