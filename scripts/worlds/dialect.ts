import type { Random } from "../../src/types.ts";
import type { Refusal } from "./world.ts";

const syllables = ["ba", "dor", "gi", "lum", "ne", "pra", "sko", "tuv", "wex", "yo"];

/** Words that nobody has heard before. */
function gibberish(random: Random): string {
  const word = (): string =>
    Array.from({ length: 2 + Math.floor(random() * 2) }, () => syllables[Math.floor(random() * 10)]).join("");
  return Array.from({ length: 3 + Math.floor(random() * 4) }, word).join(" ");
}

/** A refusal in words of its own, in one of the usual envelopes. */
export function unheard(status: number, random: Random): Refusal {
  const words = gibberish(random);
  const envelopes: readonly Refusal[] = [
    { status, body: JSON.stringify({ error: words }) },
    { status, body: JSON.stringify({ error: { message: words, code: gibberish(random).split(" ", 1)[0] } }) },
    { status, body: JSON.stringify({ fault: { note: words } }) },
    { status, body: words, type: "text/plain" },
  ];
  return envelopes[Math.floor(random() * envelopes.length)] as Refusal;
}

/** A status, and not a word. */
export const bare = (status: number): Refusal => ({ status, body: "", type: "text/plain" });

/** Allows so many within each `windowMs`, as it slides. */
export class Throttle {
  readonly #most: number;
  readonly #windowMs: number;
  #arrivals: number[] = [];

  constructor(most: number, windowMs: number) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** Counts what it lets through. */
  admits(now: number): boolean {
    this.#arrivals = this.#arrivals.filter((at) => now - at < this.#windowMs);
    if (this.#arrivals.length >= this.#most) return false;
    this.#arrivals.push(now);
    return true;
  }
}
