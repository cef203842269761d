import type { StreamShape } from "../../judgement/provider.ts";

/** So much of the end is looked at: the last event of most providers is short. */
const tailBytes = 4096;

/** How a stream came to its end: with its provider's last event, or without it. */
export type Completeness = "complete" | "truncated";

/** Keeps the last bytes of a stream as they pass, to see whether its last event was among them. */
export class StreamEnding {
  readonly #terminal: readonly string[];
  readonly #tail = new Uint8Array(2 * tailBytes);
  #used = 0;
  #isCut = false;

  constructor({ terminal }: StreamShape) {
    this.#terminal = terminal;
  }

  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (this.#used + length > this.#tail.length) {
      const kept = Math.max(0, tailBytes - length);
      this.#tail.copyWithin(0, this.#used - kept, this.#used);
      this.#used = kept;
      this.#isCut = true;
    }
    const added = length > tailBytes ? chunk.subarray(length - tailBytes) : chunk;
    this.#tail.set(added, this.#used);
    this.#used += added.length;
  }

  /** What the last events say. A last event longer than what was kept is taken for the one that was wanted. */
  finish(): Completeness {
    const text = new TextDecoder().decode(this.#tail.subarray(0, this.#used));
    if (this.#terminal.some((mark) => text.includes(mark))) return "complete";
    const isWhole = /\r?\n\r?\n$|\r\r$/.test(text);
    const startsInside = this.#isCut && !/\r?\n\r?\n[\s\S]/.test(text);
    return isWhole && startsInside ? "complete" : "truncated";
  }
}
