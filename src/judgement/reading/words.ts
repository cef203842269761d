/** A word in lower case; the same object whenever it comes again soon, so that what is known of it can be kept with it. */
export interface Word {
  readonly text: string;
  /** What `owner` found out about it. */
  known: unknown;
  owner: object | undefined;
}

/** `RateLimitReached`, `RATE_LIMIT.REACHED` and `…#rate-limit-reached`: rate limit reached. */
export function wordsOfCode(code: string): readonly Word[] {
  const scheme = code.indexOf(":http");
  const given = scheme > 0 ? code.slice(0, scheme) : code;
  const text = given.slice(Math.max(given.lastIndexOf("/"), given.lastIndexOf("#")) + 1);
  const lower = text.toLowerCase();
  const words: Word[] = [];
  let start = -1;
  let startKind = other;
  for (let at = 0; at <= text.length; at++) {
    const kind = at === text.length ? other : kindOf(text.charCodeAt(at));
    if (start !== -1 && (kind !== startKind || isWordStart(text, at))) {
      words.push(wordIn(lower, start, at));
      start = -1;
    }
    if (start === -1 && kind !== other) {
      start = at;
      startKind = kind;
    }
  }
  return words;
}

/** Letters without a space, as codes and type names are written. */
export function looksLikeCode(text: string): boolean {
  if (text.length > 100) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const kind = kindOf(code);
    if (kind === chinese || (kind === other && !"_.:#-/".includes(text[at] as string))) return false;
  }
  return text !== "";
}

/** Kinds of characters. */
export const other = 0;
export const letter = 1;
export const digit = 2;
export const chinese = 3;

/** Kinds of the first 128 characters. */
const plainKinds = Uint8Array.from({ length: 128 }, (_, code) => kindOfAny(code));

export function kindOf(code: number): number {
  return code < 128 ? (plainKinds[code] as number) : kindOfAny(code);
}

function kindOfAny(code: number): number {
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

/** Words as they came last, by a hash: refusals consist of the same few, which need not be made anew. */
const lastWords: (Word | undefined)[] = new Array(2_048).fill(undefined);

export function wordIn(text: string, start: number, end: number): Word {
  let hash = 0;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return wordOfHash(text, start, end, hash);
}

/** As `wordIn`, for a hash made while the word was read. */
export function wordOfHash(text: string, start: number, end: number, hash: number): Word {
  const place = hash & 2_047;
  const last = lastWords[place];
  if (last !== undefined && last.text.length === end - start && text.startsWith(last.text, start)) return last;
  const word: Word = { text: text.slice(start, end), known: undefined, owner: undefined };
  if (end - start <= 24) lastWords[place] = word;
  return word;
}
