import type { UsageShape } from "../../judgement/provider.ts";
import type { Usage } from "../../types.ts";
import { nextQuote, numberAt, skipSpace, stringEnd } from "./request-facts.ts";

const quote = 34;
const colon = 58;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** Stands where an element of an array has no name. */
const element = "[]";

type Part = "input" | "output" | "total";

/** One place for one number. */
interface Place {
  readonly names: readonly string[];
  /** Which number it is, and how many places of that number go before it. */
  readonly slot: number;
  readonly rank: number;
}

/** A shape taken apart. */
interface Layout {
  /** What each number is part of. */
  readonly parts: readonly Part[];
  /** Places by their last name. */
  readonly places: ReadonlyMap<string, readonly Place[]>;
  /** The last names as they stand in JSON. */
  readonly mentions: readonly string[];
  readonly deepest: number;
}

const layouts = new WeakMap<UsageShape, Layout>();

function layoutOf(shape: UsageShape): Layout {
  const known = layouts.get(shape);
  if (known !== undefined) return known;
  const parts: Part[] = [];
  const places = new Map<string, Place[]>();
  let deepest = 0;
  for (const part of ["input", "output", "total"] as const) {
    for (const entry of shape[part] ?? []) {
      const slot = parts.push(part) - 1;
      entry.split("|").forEach((path, rank) => {
        const names = path.trim().split(".");
        const last = names[names.length - 1] as string;
        places.set(last, [...(places.get(last) ?? []), { names, slot, rank }]);
        deepest = Math.max(deepest, names.length);
      });
    }
  }
  const layout = { parts, places, mentions: [...places.keys()].map((name) => JSON.stringify(name)), deepest };
  layouts.set(shape, layout);
  return layout;
}

/** What an answer says was used, as far as its text was looked through. Nothing is parsed: texts may be cut. */
export class UsageFinding {
  readonly #layout: Layout;
  /** By slot; -1 where nothing is known. */
  readonly #values: number[];
  /** The same for the object that is being walked through, with the rank of the place. */
  readonly #fresh: number[];
  readonly #ranks: number[];
  /** Where the names of the members stand that lead to the present place, by depth. */
  readonly #nameFrom: number[] = [];
  readonly #nameTo: number[] = [];

  constructor(shape: UsageShape) {
    this.#layout = layoutOf(shape);
    this.#values = this.#layout.parts.map(() => -1);
    this.#fresh = this.#values.slice();
    this.#ranks = this.#values.slice();
  }

  get usage(): Usage | undefined {
    return usageOf(this.#layout, this.#values);
  }

  /** The `data:` lines from `from` on, which is where a line begins. */
  scanEvents(text: string, from: number): void {
    const next = this.#layout.mentions.map(() => -1);
    let lineFrom = from;
    while (lineFrom < text.length) {
      const at = this.#nextMention(text, lineFrom, next);
      if (at === Number.POSITIVE_INFINITY) return;
      const lineEnd = endOfLine(text, at);
      const start = text.lastIndexOf("\n", at) + 1;
      if (text.startsWith("data:", start)) this.scan(text, start + 5, lineEnd, 0);
      lineFrom = lineEnd + 1;
    }
  }

  /** `next` remembers for each name where it comes next, so that the text is gone through once for each. */
  #nextMention(text: string, from: number, next: number[]): number {
    let nearest = Number.POSITIVE_INFINITY;
    this.#layout.mentions.forEach((mention, index) => {
      let at = next[index] as number;
      if (at < from) {
        at = text.indexOf(mention, from);
        if (at === -1) at = Number.POSITIVE_INFINITY;
        next[index] = at;
      }
      if (at < nearest) nearest = at;
    });
    return nearest;
  }

  /**
   * The end of JSON whose beginning is not there: how deep it begins follows from how it closes. Whether it begins inside a
   * string is tried out: taken for the wrong one, no name is met, because inside of strings quotation marks are escaped.
   */
  scanEnd(text: string, to: number, unclosed: number): void {
    let last = to - 1;
    while (last >= 0 && text.charCodeAt(last) <= 32) last--;
    const code = text.charCodeAt(last);
    if (last < 0 || (code !== closeBrace && code !== closeBracket)) return;
    const before = this.#values.slice();
    this.#scanFrom(text, 0, to, unclosed);
    if (this.#values.every((value, slot) => value === before[slot])) {
      this.#scanFrom(text, nextQuote(text, 0) + 1, to, unclosed);
    }
  }

  #scanFrom(text: string, from: number, to: number, unclosed: number): void {
    let depth = -unclosed;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        const close = stringEnd(text, at, to);
        if (close === -1) return;
        at = close;
      } else if (code === openBrace || code === openBracket) depth--;
      else if (code === closeBrace || code === closeBracket) depth++;
    }
    if (depth >= 0) this.scan(text, from, to, depth);
  }

  /**
   * Walks through JSON that begins at `depth`, inside of members with unknown names. Brackets around the whole are passed
   * over: their elements count like lines.
   */
  scan(text: string, from: number, to: number, depth: number): void {
    const { deepest } = this.#layout;
    for (let level = 1; level <= depth; level++) this.#nameFrom[level] = -1;
    let level = depth;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        const close = stringEnd(text, at, to);
        if (close === -1) break;
        if (level <= deepest) {
          const next = skipSpace(text, close + 1, to);
          if (next < to && text.charCodeAt(next) === colon) {
            this.#nameFrom[level] = at + 1;
            this.#nameTo[level] = close;
            this.#take(text, skipSpace(text, next + 1, to), to, level);
          }
        }
        at = close;
      } else if (code === openBrace || (code === openBracket && level > 0)) {
        level++;
        if (level <= deepest) this.#nameFrom[level] = code === openBrace ? 0 : -2;
      } else if ((code === closeBrace || code === closeBracket) && level > 0) {
        level--;
        if (level === 0) this.#commit();
      }
    }
    this.#commit();
  }

  /** Takes the number that begins at `at`, if it is wanted. */
  #take(text: string, at: number, to: number, level: number): void {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return;
    const places = this.#layout.places.get(this.#nameAt(text, level));
    if (places === undefined) return;
    const value = numberAt(text, at, to);
    if (value === undefined || value > Number.MAX_SAFE_INTEGER) return;
    for (const { names, slot, rank } of places) {
      if (names.length !== level || !this.#leadsHere(text, names)) continue;
      if (this.#fresh[slot] !== -1 && (this.#ranks[slot] as number) < rank) continue;
      this.#fresh[slot] = Math.ceil(value);
      this.#ranks[slot] = rank;
    }
  }

  #leadsHere(text: string, names: readonly string[]): boolean {
    for (let level = 1; level < names.length; level++) {
      if (this.#nameFrom[level] !== -1 && this.#nameAt(text, level) !== names[level - 1]) return false;
    }
    return true;
  }

  #nameAt(text: string, level: number): string {
    const from = this.#nameFrom[level] as number;
    return from < 0 ? element : text.slice(from, this.#nameTo[level]);
  }

  /** What is stated later holds, but a zero says rather that nothing is stated again. */
  #commit(): void {
    for (let slot = 0; slot < this.#values.length; slot++) {
      const value = this.#fresh[slot] as number;
      if (value > 0 || (value === 0 && this.#values[slot] === -1)) this.#values[slot] = value;
      this.#fresh[slot] = -1;
    }
  }
}

function usageOf(layout: Layout, values: readonly number[]): Usage | undefined {
  const sums: { [part in Part]?: number } = {};
  layout.parts.forEach((part, slot) => {
    const value = values[slot] as number;
    if (value !== -1) sums[part] = (sums[part] ?? 0) + value;
  });
  let { input, output, total } = sums;
  if (total !== undefined) {
    // Some leave reasoning out of what came out, but never out of the total.
    if (input !== undefined) output = Math.max(output ?? 0, total - input);
    else if (output !== undefined) input = Math.max(0, total - output);
  }
  if (input !== undefined && output !== undefined) total = input + output;
  // Relays that do not know state zeros.
  if (!input && !output && !total) return undefined;
  return { inputTokens: input, outputTokens: output, totalTokens: total };
}

export function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}
