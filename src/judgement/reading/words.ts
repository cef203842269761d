/**
 * Turns what an answer says into plain lower-case words, sentence by sentence. Written by hand rather than with patterns: one
 * pass, linear in the text, nothing to compile when the first refusal comes.
 */

/** Longest text that is taken apart. */
const maxTextLength = 2_048;
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
  /** Lower case; runs of Chinese characters and runs of digits are words of their own. */
  readonly words: readonly string[];
  readonly isAdvice: boolean;
}

/** The sentences of a text, links and short quotations left out. */
export function sentencesOf(text: string): readonly Sentence[] {
  const reader = new SentenceReader(text.slice(0, maxTextLength).toLowerCase());
  return reader.read();
}

/** `RateLimitReached`, `RATE_LIMIT.REACHED` and `…#rate-limit-reached`: rate limit reached. */
export function wordsOfCode(code: string): readonly string[] {
  const scheme = code.indexOf(":http");
  const given = scheme > 0 ? code.slice(0, scheme) : code;
  const text = given.slice(Math.max(given.lastIndexOf("/"), given.lastIndexOf("#")) + 1);
  const words: string[] = [];
  let start = -1;
  for (let at = 0; at <= text.length; at++) {
    const kind = kindOf(text.charCodeAt(at));
    if (start !== -1 && (kind !== kindOf(text.charCodeAt(start)) || isWordStart(text, at))) {
      words.push(text.slice(start, at).toLowerCase());
      start = -1;
    }
    if (start === -1 && kind !== other) start = at;
  }
  return words;
}

/** Letters without a space, as codes and type names are written. */
export function looksLikeCode(text: string): boolean {
  if (text.length > 100) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (kindOf(code) === other && !"_.:#-/".includes(text[at] as string)) return false;
    if (kindOf(code) === chinese) return false;
  }
  return text !== "";
}

const other = 0;
const letter = 1;
const digit = 2;
const chinese = 3;

function kindOf(code: number): number {
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) return letter;
  if (code >= 48 && code <= 57) return digit;
  if (code >= 0x4e00 && code <= 0x9fff) return chinese;
  // Letters of other alphabets belong to their words.
  return code >= 0xc0 && code < 0x2000 && code !== 0xd7 && code !== 0xf7 ? letter : other;
}

function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}

/** Does a word begin here, by its case alone: `rateLimit`, `APIKey`? */
function isWordStart(text: string, at: number): boolean {
  if (!isUpper(text.charCodeAt(at))) return false;
  if (!isUpper(text.charCodeAt(at - 1))) return true;
  const next = text.charCodeAt(at + 1);
  return kindOf(next) === letter && !isUpper(next);
}

class SentenceReader {
  readonly #text: string;
  readonly #sentences: Sentence[] = [];
  #words: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly Sentence[] {
    while (this.#at < this.#text.length) {
      const kind = kindOf(this.#text.charCodeAt(this.#at));
      if (kind === other) this.#readMark(this.#text[this.#at] as string);
      else this.#readWord(kind);
    }
    this.#endSentence();
    return this.#sentences;
  }

  #readWord(kind: number): void {
    const text = this.#text;
    const start = this.#at;
    let end = start + 1;
    while (kindOf(text.charCodeAt(end)) === kind) end++;
    this.#at = end;
    if (kind === digit) {
      // "3,000" and "2.5" are one number.
      while ((text[end] === "," || text[end] === ".") && kindOf(text.charCodeAt(end + 1)) === digit) {
        end += 2;
        while (kindOf(text.charCodeAt(end)) === digit) end++;
      }
      this.#at = end;
    } else if (kind === letter) {
      if (this.#skipsLink(start, end)) return;
      const mark = text[end];
      if ((mark === "'" || mark === "’") && kindOf(text.charCodeAt(end + 1)) === letter) {
        this.#readContraction(start, end);
        return;
      }
    }
    const word = text.slice(start, end);
    if (word === "please" || word === "unrelated") this.#endSentence();
    if (word === "cannot") this.#push("can", "not");
    else this.#push(word);
  }

  /** `can't` is can not, `organization's` organization. */
  #readContraction(start: number, end: number): void {
    let tail = end + 2;
    while (kindOf(this.#text.charCodeAt(tail)) === letter) tail++;
    this.#at = tail;
    const suffix = this.#text.slice(end + 1, tail);
    const word = this.#text.slice(start, end);
    if (suffix !== "t" || !word.endsWith("n")) {
      this.#push(word);
      return;
    }
    const verb = word.slice(0, -1);
    this.#push(verb === "ca" ? "can" : verb === "wo" ? "will" : verb, "not");
  }

  /** Links and host names say nothing. */
  #skipsLink(start: number, end: number): boolean {
    const text = this.#text;
    let isLink = text.startsWith("://", end) || text[end] === "@";
    if (!isLink && text[end] === "." && kindOf(text.charCodeAt(end + 1)) === letter) {
      let last = end;
      while (text[last] === "." && kindOf(text.charCodeAt(last + 1)) === letter) {
        const from = last + 1;
        last = from;
        while (kindOf(text.charCodeAt(last)) === letter || kindOf(text.charCodeAt(last)) === digit) last++;
        if (hostEndings.has(text.slice(from, last))) isLink = true;
      }
    }
    if (!isLink) return false;
    let to = start;
    while (to < text.length && text.charCodeAt(to) > 32 && kindOf(text.charCodeAt(to)) !== chinese) to++;
    // A full stop behind a link ends its sentence.
    this.#at = to > start && text[to - 1] === "." ? to - 1 : to;
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
    const end = this.#text.indexOf(">", at);
    if (end !== -1 && end - at < 300) this.#at = end + 1;
  }

  /** "calls/minute" is calls per minute. */
  #readSlash(): void {
    let from = this.#at;
    while (this.#text[from] === " ") from++;
    let end = from;
    while (kindOf(this.#text.charCodeAt(end)) === letter) end++;
    if (timeUnits.has(this.#text.slice(from, end))) this.#push("per");
  }

  #skipQuoted(at: number, closing: string): void {
    if (kindOf(this.#text.charCodeAt(at - 1)) === letter) return;
    const end = this.#text.indexOf(closing, at + 1);
    if (end !== -1 && end - at <= maxQuoted && kindOf(this.#text.charCodeAt(end + 1)) !== letter) this.#at = end + 1;
  }

  #push(...words: readonly string[]): void {
    if (this.#words.length < maxWords) this.#words.push(...words);
  }

  #endSentence(): void {
    const words = this.#words;
    if (words.length === 0) return;
    this.#words = [];
    // "This is unrelated to your quota" speaks of none.
    if (words[0] === "unrelated") return;
    const first = words[0] as string;
    const isAdvice = adviceWords.has(first) || first.startsWith("请") || advicePairs.has(`${first} ${words[1] ?? ""}`);
    this.#sentences.push({ words, isAdvice: isAdvice && !first.startsWith("请求") });
  }
}
