import type { UsageShape } from "../../judgement/provider.ts";
import type { Usage } from "../../types.ts";
import { skipSpace } from "./request-facts.ts";
import { endOfLine, UsageFinding } from "./usage-finding.ts";

/** So many bytes of the beginning and of the end are kept, and at most about a chunk more of each. */
const windowBytes = 16_384;

/** Of longer chunks only the ends are kept. */
const longestChunk = 65_536;

/** Chunks that keep so much more memory alive than is theirs are copied. */
const slackBytes = 1_024;

/** So many small chunks are put together into one. */
const mostParts = 256;

/** Chunks that follow one another. */
interface Stretch {
  parts: Uint8Array[];
  bytes: number;
}

/**
 * Reads what an answer says was used from the bytes of its body as they pass: JSON, server-sent events or JSON lines, in
 * any chunks. Keeps the beginning and the end of the body and looks at them only in `finish`.
 */
export class UsageReader {
  readonly #shape: UsageShape;
  #head: Stretch | undefined;
  /** The last full stretch before the current one. */
  #last: Stretch | undefined;
  #current: Stretch = { parts: [], bytes: 0 };
  /** Is something missing between the head and what follows? */
  #hasGap = false;

  constructor(shape: UsageShape) {
    this.#shape = shape;
  }

  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    if (length > longestChunk) {
      this.#keep(new Uint8Array(chunk.subarray(0, windowBytes)));
      this.#hasGap = true;
      this.#last = undefined;
      this.#keep(new Uint8Array(chunk.subarray(length - windowBytes)));
    } else this.#keep(chunk.buffer.byteLength > length + slackBytes ? new Uint8Array(chunk) : chunk);
  }

  /**
   * What the bytes so far say; `undefined` when they say nothing. Of a body cut short by its reader or by the connection,
   * counts may be missing or, where they are running totals, too low. Never throws.
   */
  finish(): Usage | undefined {
    const head = this.#hasGap ? textOf(this.#head) : textOf(this.#head, this.#last, this.#current);
    const tail = this.#hasGap ? textOf(this.#last, this.#current) : undefined;
    const finding = new UsageFinding(this.#shape);
    const first = head.charAt(skipSpace(head, 0, head.length));
    if (first === "{" || first === "[") {
      finding.scan(head, 0, head.length, 0);
      if (tail !== undefined) finding.scanEnd(tail, tail.length, first === "[" ? 1 : 0);
    } else {
      finding.scanEvents(head, 0);
      if (tail !== undefined) {
        const lineEnd = endOfLine(tail, 0);
        finding.scanEnd(tail, lineEnd, 0);
        finding.scanEvents(tail, lineEnd + 1);
      }
    }
    return finding.usage;
  }

  #keep(chunk: Uint8Array): void {
    const current = this.#current;
    current.bytes += chunk.length;
    if (current.parts.push(chunk) === mostParts) current.parts = [concatenated(current)];
    if (current.bytes < windowBytes) return;
    if (this.#head === undefined) this.#head = current;
    else {
      if (this.#last !== undefined) this.#hasGap = true;
      this.#last = current;
    }
    this.#current = { parts: [], bytes: 0 };
  }
}

const decoder = new TextDecoder();

/** The text of stretches that follow one another. A character cut in two becomes a mark that stands for nothing. */
function textOf(...stretches: (Stretch | undefined)[]): string {
  const whole: Stretch = { parts: [], bytes: 0 };
  for (const stretch of stretches) {
    if (stretch === undefined) continue;
    whole.parts.push(...stretch.parts);
    whole.bytes += stretch.bytes;
  }
  return decoder.decode(concatenated(whole));
}

function concatenated({ parts, bytes }: Stretch): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    // Whoever read the chunk may have handed its memory on since: then nothing is left in it.
    all.set(part, at);
    at += part.length;
  }
  return all;
}
