import type { Clock } from "../../../types.ts";
import type { Step } from "../step.ts";
import { sseEvent } from "./completion.ts";
import { defaultErrorBody, openaiError } from "./openai-errors.ts";

/** A complete answer before faults are put into it. */
export interface Content {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body in pieces; a stream's pieces are its events. */
  readonly pieces: readonly string[];
  readonly isStream: boolean;
}

/** What goes over the wire, whichever wire that is. */
export interface Answer extends Content {
  readonly delayMs: number;
  readonly chunkDelayMs: number;
  /** Ends the connection without an answer, or after the pieces. */
  readonly cut: "before-headers" | "after-pieces" | undefined;
}

/** JSON content. */
export function jsonContent(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Content {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    pieces: [JSON.stringify(body)],
    isStream: false,
  };
}

/** A stream of server-sent events. */
export function eventStream(status: number, events: readonly (object | string)[]): Content {
  return {
    status,
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    pieces: events.map((event) => (typeof event === "string" ? event : sseEvent(event))),
    isStream: true,
  };
}

/** The content of a step that answers by itself, or `undefined` if it leaves that to the emulator. */
export function scriptedContent(step: Step): Content | undefined {
  if (step.events !== undefined) return eventStream(step.status ?? 200, step.events);
  const hasOwnStatus = step.status !== undefined && step.status !== 200;
  if (step.body === undefined && !hasOwnStatus) return undefined;
  const status = step.status ?? 200;
  if (typeof step.body === "string") {
    return { status, headers: { "content-type": "text/plain; charset=utf-8" }, pieces: [step.body], isStream: false };
  }
  if (step.body !== undefined) return jsonContent(status, step.body);
  if (status < 400) return { status, headers: {}, pieces: [], isStream: false };
  return jsonContent(status, defaultErrorBody(status));
}

/** Puts a step's headers, delays and faults into an answer. */
export function answerWith(content: Content, step: Step, chunkDelayMs: number): Answer {
  const failing = step.streamError === undefined ? content : withStreamError(content, step.streamError);
  return {
    ...failing,
    headers: { ...failing.headers, ...lowerCaseNames(step.headers) },
    pieces: cutPieces(failing, step.cut),
    delayMs: step.delayMs ?? 0,
    chunkDelayMs: step.chunkDelayMs ?? chunkDelayMs,
    cut: step.cut === undefined ? undefined : step.cut === "before-headers" ? "before-headers" : "after-pieces",
  };
}

function lowerCaseNames(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function withStreamError(content: Content, error: NonNullable<Step["streamError"]>): Content {
  const body = error.body ?? openaiError("The server had an error while processing your request.", "server_error");
  if (!content.isStream) return jsonContent(content.status, body);
  return { ...content, pieces: [...content.pieces.slice(0, error.afterChunks), sseEvent(body)] };
}

function cutPieces(content: Content, cut: Step["cut"]): readonly string[] {
  if (cut === undefined) return content.pieces;
  if (typeof cut === "string") return [];
  if (content.isStream) return content.pieces.slice(0, cut.afterChunks);
  // One part more than is sent, so that the body never arrives whole.
  const whole = content.pieces.join("");
  const size = Math.floor(whole.length / (cut.afterChunks + 1));
  return Array.from({ length: cut.afterChunks }, (_, index) => whole.slice(index * size, (index + 1) * size));
}

/** Waits on the clock; a signal that aborts ends the wait early. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.timer(done, delayMs);
    signal.addEventListener("abort", done);
  });
}
