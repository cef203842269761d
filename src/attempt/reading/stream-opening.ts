import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { StreamShape } from "../../judgement/provider.ts";

/** So much of a stream is kept back at most, until something in it is content. */
const mostEvents = 8;
const mostBytes = 65_536;

/** Looks at what one event holds; returns whether that is an error. */
export type IsError = (body: unknown, text: string) => boolean;

/**
 * Reads the beginning of a stream of server-sent events up to the first that commits: content, or an error. What comes
 * before content at some providers (an answer's id, its role, pings, comments) does not.
 */
export class StreamOpening {
  readonly #preamble: readonly string[];
  readonly #isError: IsError;
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({ onEvent: (event) => this.#take(event) });
  #events = 0;
  #bytes = 0;
  #isOver = false;

  constructor({ preamble }: StreamShape, isError: IsError) {
    this.#preamble = preamble;
    this.#isError = isError;
  }

  /** Takes the next bytes in; returns whether enough has been seen. */
  push(chunk: Uint8Array): boolean {
    const looked = chunk.subarray(0, mostBytes - this.#bytes);
    this.#bytes += looked.byteLength;
    this.#parser.feed(this.#decoder.decode(looked, { stream: true }));
    return this.#isOver || this.#bytes === mostBytes;
  }

  #take({ event, data }: EventSourceMessage): void {
    if (this.#isOver) return;
    this.#events++;
    const body = parsed(data);
    const type = event ?? textOf(body, "type");
    const isError = body !== undefined && this.#isError(errorBody(body, type), data);
    this.#isOver = isError || !this.#isPreamble(body, type) || this.#events > mostEvents;
  }

  #isPreamble(body: unknown, type: string | undefined): boolean {
    if (type !== undefined && this.#preamble.includes(type)) return true;
    return isRoleOnly(body);
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** Some name the event and put the error's fields at the top level. */
function errorBody(body: unknown, type: string | undefined): unknown {
  if (type !== "error" || typeof body !== "object" || body === null || "error" in body) return body;
  return { error: body };
}

/** The first chunk of a chat completion: whose turn it is, and nothing said yet. */
function isRoleOnly(body: unknown): boolean {
  if (typeof body !== "object" || body === null || !("choices" in body)) return false;
  const { choices, usage } = body as { choices: unknown; usage?: unknown };
  if (!Array.isArray(choices) || (usage !== undefined && usage !== null)) return false;
  return choices.every((choice: unknown) => {
    const { delta, finish_reason: finish } = (choice ?? {}) as { delta?: unknown; finish_reason?: unknown };
    if (typeof delta !== "object" || delta === null || (finish !== undefined && finish !== null)) return false;
    return Object.entries(delta).every(([name, value]) => name === "role" || isEmpty(value));
  });
}

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function textOf(body: unknown, field: string): string | undefined {
  const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[field] : undefined;
  return typeof value === "string" ? value : undefined;
}
