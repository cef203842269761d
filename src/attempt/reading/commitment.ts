import type { Overrule } from "../../judgement/classification-hooks.ts";
import type { StreamShape } from "../../judgement/provider.ts";
import type { ProviderReading } from "../../judgement/provider-reading.ts";
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

/** What is seen of an answer before its body. */
export interface StatedAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
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

/** An answer longer than this is a success: errors are short. */
const mostBytes = 65_536;

/** An error that stood in an answer whose status says success. */
export interface EmbeddedError {
  readonly classification: Classification;
  /** Where it stood. */
  readonly text: string;
}

/** How a good answer may hold an error: in its events, or in its whole body. */
export type Look = "events" | "body";

/** Is it a stream of server-sent events? */
export function isEventStream(contentType: string | null): boolean {
  return contentType?.startsWith("text/event-stream") === true;
}

/**
 * Looks into answers that say success before anything of them is handed over: until then another key can still be tried.
 * Only answers of providers that are known to put errors there.
 */
export class Commitment {
  readonly #overrule: Overrule | undefined;
  readonly #options: CommitmentOptions;

  constructor(overrule: Overrule | undefined, options: CommitmentOptions) {
    this.#overrule = overrule;
    this.#options = options;
  }

  lookAt(call: LookingCall, reading: ProviderReading, { status, headers }: StatedAnswer): Look | undefined {
    const { hidesErrorsIn } = reading;
    const { stream } = reading.provider;
    if ((stream === undefined && hidesErrorsIn === undefined) || this.#options.commitHoldMs <= 0) return undefined;
    if (status >= 300 || status === 204) return undefined;
    const type = headers.get("content-type");
    // A stream that is only listened to may have nothing to say for hours.
    if (isEventStream(type)) return stream === undefined || call.method === "GET" ? undefined : "events";
    const length = headers.get("content-length");
    if (hidesErrorsIn === undefined || !mayHideError(type, length, hidesErrorsIn)) return undefined;
    return Number(length ?? 0) > mostBytes ? undefined : "body";
  }

  /** Reads on until the answer is known to be good, or may not be kept back any longer. Returns the error that stood there. */
  async open(
    look: Look,
    call: LookingCall,
    provider: ProviderReading,
    reply: OpeningReply,
    endsAt: number,
    context: ClassificationContext,
  ): Promise<EmbeddedError | undefined> {
    const { clock, commitHoldMs } = this.#options;
    const { interrupt, end } = interruption(call, Math.min(commitHoldMs, endsAt - clock.monotonic()), clock);
    try {
      return look === "events"
        ? await this.#openEvents(provider, reply, interrupt, context)
        : await this.#openBody(provider, reply, interrupt, context);
    } finally {
      end();
    }
  }

  async #openEvents(
    provider: ProviderReading,
    reply: OpeningReply,
    interrupt: Promise<"late">,
    context: ClassificationContext,
  ): Promise<EmbeddedError | undefined> {
    let found: EmbeddedError | undefined;
    const opening = new StreamOpening(provider.provider.stream as StreamShape, (body, text) => {
      found = this.#classified(provider, reply, body, text, context);
      return found !== undefined;
    });
    const opened = reply.readUntil((chunk) => opening.push(chunk), interrupt);
    // Content may take long to come, and is handed on at once when it does.
    reply.prepare();
    await opened;
    return found;
  }

  async #openBody(
    provider: ProviderReading,
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
      return size > mostBytes || isMarkup(text);
    }, interrupt);
    return seen === "end" ? this.#classified(provider, reply, text, text, context) : undefined;
  }

  #classified(
    provider: ProviderReading,
    { status, headers }: OpeningReply,
    body: unknown,
    text: string,
    context: ClassificationContext,
  ): EmbeddedError | undefined {
    const now = this.#options.clock.wall();
    const classification = provider.classify({ status, headers, body, now, context }, this.#overrule);
    return classification.kind === "none" ? undefined : { classification, text };
  }
}

/** Plain text that comes in pieces may be what a model writes, and is not kept back. */
function mayHideError(type: string | null, length: string | null, where: "json" | "text"): boolean {
  if (type === null) return where === "text";
  if (type.startsWith("application/json")) return true;
  if (where === "json") return false;
  return type.startsWith("text/plain") ? length !== null : /^text\/|^application\/[\w.-]+\+json\b/.test(type);
}

function isMarkup(text: string): boolean {
  return text.trimStart().startsWith("<");
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
