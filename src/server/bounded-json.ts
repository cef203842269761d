/** Nobody means deeper ones; reading them costs more than they are worth. */
const deepest = 32;

/**
 * Parses JSON in UTF-8.
 * @throws SyntaxError for anything else, with a message that repeats nothing of it.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SyntaxError("not UTF-8");
  }
  if (isDeeperThan(deepest, text)) throw new SyntaxError(`nested deeper than ${deepest} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // What the parser says repeats a piece of the text, which may be a secret.
    throw new SyntaxError("not JSON");
  }
}

/** Looks at brackets outside of strings, before anything is built. */
function isDeeperThan(levels: number, text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (isInString) {
      if (code === 0x5c) place++;
      else if (code === 0x22) isInString = false;
    } else if (code === 0x22) isInString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > levels) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
