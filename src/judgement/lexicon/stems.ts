/**
 * Word classes as signals. A stem is a word or a short phrase; the first letters of its first word lead to it, so that a text is
 * looked at once, whatever the number of stems.
 *
 * How a stem is written: its last word also begins longer ones, unless it ends with `$`; the words before are whole, unless they
 * end with `*`. `a/b` is either word, `a?` may be missing, `…` stands for up to two words (`…4`: up to four), `#` for a number.
 * Chinese stems are found anywhere.
 */
import type { Word } from "../reading/words.ts";
import type { Signal } from "./word-classes.ts";

interface Part {
  /** Words to compare with; empty: any word. */
  readonly words: readonly string[];
  /** May longer words begin with it? */
  readonly isPrefix: boolean;
  readonly isOptional: boolean;
  /** Up to so many words of any kind; 0: none. */
  readonly gap: number;
}

interface Stem {
  readonly bit: number;
  readonly parts: readonly Part[];
}

/** What a word is by itself, and which phrases begin with it. */
interface Start {
  readonly bits: number;
  readonly phrases: readonly Stem[];
}

const nothing: Start = { bits: 0, phrases: [] };

function startOf(bits: number, phrases: readonly Stem[]): Start {
  return bits === 0 && phrases.length === 0 ? nothing : { bits, phrases };
}

export type Bits = Readonly<Record<Signal, number>>;

/** Finds which classes the words of a claim belong to. */
export class StemIndex {
  readonly bits: Bits;
  readonly #byStart = new Map<string, Stem[]>();
  readonly #chinese = new Map<string, { readonly text: string; readonly bit: number }[]>();

  constructor(classes: Readonly<Record<Signal, string>>) {
    const bits: Partial<Record<Signal, number>> = {};
    for (const [place, [signal, stems]] of Object.entries(classes).entries()) {
      const bit = 1 << place;
      bits[signal as Signal] = bit;
      for (const stem of stems.split("|")) this.#add(stem.trim(), bit);
    }
    this.bits = bits as Bits;
  }

  #add(stem: string, bit: number): void {
    if (stem === "") return;
    if (stem.charCodeAt(0) >= 0x4e00) {
      listIn(this.#chinese, stem.charAt(0)).push({ text: stem, bit });
      return;
    }
    const texts = stem.split(" ");
    const parts = texts.map((text, place) => partOf(text, place === texts.length - 1));
    for (const [place, part] of parts.entries()) {
      const rest: Stem = { bit, parts: parts.slice(place) };
      for (const word of part.words) listIn(this.#byStart, word.slice(0, 2)).push(rest);
      if (!part.isOptional) break;
    }
  }

  /** Bits of all classes that the words name. */
  signalsIn(words: readonly Word[]): number {
    let found = 0;
    for (let at = 0; at < words.length; at++) {
      const word = words[at] as Word;
      // Refusals are made of few different words: what begins with each is found once.
      if (word.owner !== this) {
        word.owner = this;
        word.known = this.#findStart(word.text);
      }
      const { bits, phrases } = word.known as Start;
      found |= bits;
      for (let place = 0; place < phrases.length; place++) {
        const { bit, parts } = phrases[place] as Stem;
        if ((found & bit) !== 0) continue;
        const next = parts[1] as Part;
        const follower = words[at + 1];
        if (!next.isOptional && (follower === undefined || !isOf(next, follower.text))) continue;
        if (matches(parts, 1, words, at + 1)) found |= bit;
      }
    }
    return found;
  }

  #findStart(word: string): Start {
    if (word.charCodeAt(0) >= 0x4e00) return startOf(this.#chineseIn(word), []);
    const stems = this.#byStart.get(isNumber(word) ? "#" : word.slice(0, 2));
    if (stems === undefined) return nothing;
    let bits = 0;
    const phrases: Stem[] = [];
    for (const stem of stems) {
      if (!isOf(stem.parts[0] as Part, word)) continue;
      if (stem.parts.length === 1) bits |= stem.bit;
      else phrases.push(stem);
    }
    return startOf(bits, phrases);
  }

  #chineseIn(run: string): number {
    let found = 0;
    for (let at = 0; at < run.length; at++) {
      const stems = this.#chinese.get(run.charAt(at));
      if (stems === undefined) continue;
      for (const { text, bit } of stems) if ((found & bit) === 0 && run.startsWith(text, at)) found |= bit;
    }
    return found;
  }
}

function listIn<Value>(lists: Map<string, Value[]>, name: string): Value[] {
  let list = lists.get(name);
  if (list === undefined) {
    list = [];
    lists.set(name, list);
  }
  return list;
}

function partOf(text: string, isLast: boolean): Part {
  if (text.startsWith("…")) return { words: [], isPrefix: false, isOptional: true, gap: Number(text.slice(1)) || 2 };
  const isOptional = text.endsWith("?");
  const bare = isOptional ? text.slice(0, -1) : text;
  const isWhole = bare.endsWith("$");
  const isStart = bare.endsWith("*");
  const words = (isWhole || isStart ? bare.slice(0, -1) : bare).split("/");
  return { words, isPrefix: isStart || (isLast && !isWhole), isOptional, gap: 0 };
}

function isNumber(word: string): boolean {
  const code = word.charCodeAt(0);
  return code >= 48 && code <= 57;
}

function matches(parts: readonly Part[], place: number, words: readonly Word[], at: number): boolean {
  const part = parts[place];
  if (part === undefined) return true;
  if (part.gap > 0) {
    for (let skipped = 0; skipped <= part.gap; skipped++) {
      if (at + skipped <= words.length && matches(parts, place + 1, words, at + skipped)) return true;
    }
    return false;
  }
  const word = words[at];
  if (word !== undefined && isOf(part, word.text) && matches(parts, place + 1, words, at + 1)) return true;
  return part.isOptional && matches(parts, place + 1, words, at);
}

function isOf({ words, isPrefix }: Part, word: string): boolean {
  for (let place = 0; place < words.length; place++) {
    const wanted = words[place] as string;
    if (wanted === word || (isPrefix && word.startsWith(wanted)) || (wanted === "#" && isNumber(word))) return true;
  }
  return false;
}
