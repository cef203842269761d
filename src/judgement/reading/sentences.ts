/**
 * Turns what an answer says into plain lower-case words, sentence by sentence. Written by hand rather than with patterns: one
 * pass, linear in the text, nothing to compile when the first refusal comes.
 */

import { chinese, digit, kindOf, letter, other, type Word, wordIn, wordOfHash } from "./words.ts";

/** Longest text that is taken apart. */
const maxTextLength = 768;
/** Words of one sentence. */
const maxWords = 120;
/** What a caller wrote stands in quotes: names of parameters and models, pieces of a prompt. Longer ones are sentences. */
const maxQuoted = 60;

/** Endings of host names that stand in prose without a scheme. */
const hostEndings = new Set(["com", "org", "net", "io", "ai", "cn", "dev", "co", "app", "cloud", "google", "html"]);
/** A slash before one of these says "per". */
const timeUnits = new Set(["s", "sec", "second", "min", "minute", "h", "hour", "day", "week", "month", "d", "m"]);
/** A sentence that begins so tells what to do, not what happened. */
const adviceWords = new Set(
  "please visit contact see upgrade consider try wait ensure make check refer learn read".split(" "),
);
const advicePairs = new Set(["if you", "for more", "to continue", "to increase", "you can", "you should", "you may"]);

export interface Sentence {
  /** Runs of Chinese characters and runs of digits are words of their own. */
  readonly words: readonly Word[];
  readonly isAdvice: boolean;
}

/** The sentences of a text, links and short quotations left out. */
export function sentencesOf(text: string): readonly Sentence[] {
  return new SentenceReader(text.slice(0, maxTextLength).toLowerCase()).read();
}

const can = wordIn("can", 0, 3);
const not = wordIn("not", 0, 3);
const will = wordIn("will", 0, 4);
const per = wordIn("per", 0, 3);

class SentenceReader {
  readonly #text: string;
  readonly #sentences: Sentence[] = [];
  #words: Word[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly Sentence[] {
    const text = this.#text;
    const { length } = text;
    let at = 0;
    while (at < length) {
      const code = text.charCodeAt(at);
      if (code === 32) {
        at++;
        continue;
      }
      const kind = kindOf(code);
      if (kind === other) {
        this.#at = at;
        this.#readMark(text[at] as string);
        at = this.#at;
        continue;
      }
      let end = at;
      let hash = 0;
      let next = code;
      do {
        hash = (Math.imul(hash, 31) + next) | 0;
        next = ++end < length ? text.charCodeAt(end) : 0;
      } while (kindOf(next) === kind);
      if (kind === chinese || next === 32) {
        this.#pushWord(wordOfHash(text, at, end, hash));
        at = end;
      } else {
        this.#at = end;
        if (kind === digit) this.#readNumber(at, end);
        else this.#readWord(at, end);
        at = this.#at;
      }
    }
    this.#endSentence();
    return this.#sentences;
  }

  /** "3,000" and "2.5" are one number. */
  #readNumber(start: number, digits: number): void {
    const text = this.#text;
    let end = digits;
    while ((text[end] === "," || text[end] === ".") && kindOf(text.charCodeAt(end + 1)) === digit) {
      end += 2;
      while (kindOf(text.charCodeAt(end)) === digit) end++;
    }
    this.#at = end;
    this.#pushWord(wordIn(text, start, end));
  }

  #readWord(start: number, end: number): void {
    const text = this.#text;
    const mark = text.charCodeAt(end);
    // Links, addresses and host names say nothing.
    if ((mark === 58 || mark === 64 || mark === 46) && this.#skipsLink(start, end)) return;
    const isApostrophe = mark === 39 || mark === 0x2019;
    if (isApostrophe && kindOf(text.charCodeAt(end + 1)) === letter) this.#readContraction(start, end);
    else this.#pushWord(wordIn(text, start, end));
  }

  /** `can't` is can not, `organization's` organization. */
  #readContraction(start: number, end: number): void {
    const text = this.#text;
    let tail = end + 2;
    while (kindOf(text.charCodeAt(tail)) === letter) tail++;
    this.#at = tail;
    const isNegative = tail === end + 2 && text[end + 1] === "t" && text[end - 1] === "n";
    if (!isNegative) {
      this.#pushWord(wordIn(text, start, end));
      return;
    }
    const verb = wordIn(text, start, end - 1);
    this.#pushWord(verb.text === "ca" ? can : verb.text === "wo" ? will : verb);
    this.#pushWord(not);
  }

  #skipsLink(start: number, end: number): boolean {
    const text = this.#text;
    let isLink = text[end] === "@" || text.startsWith("://", end);
    let last = end;
    while (!isLink && text[last] === "." && kindOf(text.charCodeAt(last + 1)) === letter) {
      const from = last + 1;
      last = from;
      while (kindOf(text.charCodeAt(last)) === letter || kindOf(text.charCodeAt(last)) === digit) last++;
      isLink = hostEndings.has(text.slice(from, last));
    }
    if (!isLink) return false;
    let to = start;
    while (to < text.length && text.charCodeAt(to) > 32 && kindOf(text.charCodeAt(to)) !== chinese) to++;
    // A full stop behind a link ends its sentence.
    this.#at = text[to - 1] === "." ? to - 1 : to;
    return true;
  }

  #readMark(mark: string): void {
    const text = this.#text;
    const at = this.#at;
    this.#at = at + 1;
    switch (mark) {
      case "!":
      case "?":
      case ";":
      case "\n":
      case "。":
      case "！":
      case "？":
      case "；":
      case "，":
        this.#endSentence();
        break;
      case ".":
        if (kindOf(text.charCodeAt(at + 1)) !== digit) this.#endSentence();
        break;
      case "<":
        this.#skipTag(at);
        break;
      case "/":
        this.#readSlash();
        break;
      case '"':
      case "`":
      case "'":
        this.#skipQuoted(at, mark);
        break;
      case "“":
        this.#skipQuoted(at, "”");
        break;
    }
  }

  #skipTag(at: number): void {
    const next = this.#text.charCodeAt(at + 1);
    if (kindOf(next) !== letter && next !== 47) return;
    const end = this.#text.slice(at, at + 300).indexOf(">");
    if (end !== -1) this.#at = at + end + 1;
  }

  /** "calls/minute" is calls per minute. */
  #readSlash(): void {
    let from = this.#at;
    while (this.#text[from] === " ") from++;
    let end = from;
    while (end - from < 8 && kindOf(this.#text.charCodeAt(end)) === letter) end++;
    if (timeUnits.has(this.#text.slice(from, end))) this.#pushWord(per);
  }

  #skipQuoted(at: number, closing: string): void {
    const text = this.#text;
    if (kindOf(text.charCodeAt(at - 1)) === letter) return;
    const end = text.slice(at + 1, at + 1 + maxQuoted).indexOf(closing);
    if (end !== -1 && kindOf(text.charCodeAt(at + end + 2)) !== letter) this.#at = at + end + 2;
  }

  #pushWord(word: Word): void {
    const { text } = word;
    if (text === "please" || text === "unrelated") this.#endSentence();
    if (this.#words.length >= maxWords) return;
    // The id of a request says nothing of the request.
    if (text === "id" && this.#words.at(-1)?.text === "request") this.#words.pop();
    if (text === "cannot") this.#words.push(can, not);
    else this.#words.push(word);
  }

  #endSentence(): void {
    const words = this.#words;
    if (words.length === 0) return;
    this.#words = [];
    const first = (words[0] as Word).text;
    // "This is unrelated to your quota" speaks of none.
    if (first === "unrelated") return;
    const isAdvice =
      adviceWords.has(first) ||
      (first.startsWith("请") && !first.startsWith("请求")) ||
      advicePairs.has(`${first} ${words[1]?.text ?? ""}`);
    this.#sentences.push({ words, isAdvice });
  }
}
