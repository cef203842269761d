/** Texts up to this length are searched for one phrase after the other at first. */
const shortLength = 512;
/** So many of them: from then on the pattern is worth the millisecond that its compiling takes, which a first refusal must not. */
const searchedPlainly = 16;

/** Fixed phrases to look for. There is nothing in them that could backtrack. */
export class Phrases {
  readonly #phrases: readonly string[];
  readonly #wholeWords: readonly string[];
  #pattern: RegExp | undefined = undefined;
  #searched = 0;

  /** @param wholeWords these count only where no letter, digit or underscore stands beside them */
  constructor(phrases: readonly string[], wholeWords: readonly string[] = []) {
    this.#phrases = phrases;
    this.#wholeWords = wholeWords;
  }

  /** The leftmost that the text holds, of several in one place the one that is listed first; `null`: none. */
  firstIn(text: string): string | null {
    if (text.length > shortLength || this.#searched >= searchedPlainly) {
      this.#pattern ??= patternOf(this.#phrases, this.#wholeWords);
      return this.#pattern.exec(text)?.[0] ?? null;
    }
    this.#searched++;
    let first: string | null = null;
    let at = text.length;
    for (const phrase of this.#phrases) {
      const found = text.indexOf(phrase);
      if (found === -1 || found >= at) continue;
      first = phrase;
      at = found;
    }
    for (const word of this.#wholeWords) {
      const found = indexOfWord(text, word);
      if (found === -1 || found >= at) continue;
      first = word;
      at = found;
    }
    return first;
  }
}

function indexOfWord(text: string, word: string): number {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!/\w/.test(text.charAt(at - 1)) && !/\w/.test(text.charAt(at + word.length))) return at;
  }
  return -1;
}

/** Looks for all of them in one pass, several times faster than one after the other. */
function patternOf(phrases: readonly string[], wholeWords: readonly string[]): RegExp {
  const alternatives = phrases.map(escapeLiteral);
  if (wholeWords.length > 0) alternatives.push(`\\b(?:${wholeWords.map(escapeLiteral).join("|")})\\b`);
  return new RegExp(alternatives.join("|"));
}

function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
