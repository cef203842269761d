/** How much of a body is looked through; the fields wanted stand near its beginning. */
const scanLimit = 65_536;

/**
 * Finds a string at the top level of a JSON object without parsing the whole of it. Returns `undefined` when it is not
 * there, not a string, or the text is not a JSON object.
 */
export function topLevelString(text: string, field: string): string | undefined {
  const end = Math.min(text.length, scanLimit);
  let at = skipSpace(text, 0, end);
  if (text[at] !== "{") return undefined;
  at++;
  while (at < end) {
    at = skipSpace(text, at, end);
    if (text[at] !== '"') return undefined;
    const nameEnd = stringEnd(text, at, end);
    if (nameEnd === -1) return undefined;
    const isWanted = text.slice(at + 1, nameEnd) === field;
    at = skipSpace(text, nameEnd + 1, end);
    if (text[at] !== ":") return undefined;
    at = skipSpace(text, at + 1, end);
    if (isWanted) return stringAt(text, at, end);
    at = skipSpace(text, valueEnd(text, at, end), end);
    if (text[at] !== ",") return undefined;
    at++;
  }
  return undefined;
}

function stringAt(text: string, at: number, end: number): string | undefined {
  if (text[at] !== '"') return undefined;
  const close = stringEnd(text, at, end);
  if (close === -1) return undefined;
  try {
    return JSON.parse(text.slice(at, close + 1)) as string;
  } catch {
    return undefined;
  }
}

function skipSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t")) at++;
  return at;
}

/** Where the string that begins at `from` closes, or -1. */
function stringEnd(text: string, from: number, end: number): number {
  for (let at = from + 1; at < end; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** Just behind the value that begins at `from`. */
function valueEnd(text: string, from: number, end: number): number {
  let depth = 0;
  for (let at = from; at < end; at++) {
    const character = text[at];
    if (character === '"') {
      const close = stringEnd(text, at, end);
      if (close === -1) return end;
      at = close;
    } else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") {
      if (depth === 0) return at;
      depth--;
    } else if (character === "," && depth === 0) return at;
  }
  return end;
}
