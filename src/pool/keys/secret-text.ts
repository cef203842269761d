import { unexpectedSecret } from "../../checks.ts";

/** Space, and what no header can carry. */
export function badCharacter(secret: string): string | undefined {
  for (let place = 0; place < secret.length; place++) {
    const code = secret.charCodeAt(place);
    if (code < 0x20 || code === 0x7f) return `a control character (code ${code}) at position ${place}`;
    if (code === 0x20) return `a space at position ${place}`;
    if (code > 0xff) return `a character no header can carry (code ${code}) at position ${place}`;
  }
  return undefined;
}

/** Where a secret is missing, that is mostly why; to end a message with. */
export const notSet = "; if it comes from an environment variable, that variable is empty or not set";

/** What came in place of a secret, by its kind. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return `\`${value}\`${notSet}`;
  return Array.isArray(value) ? "a list" : typeof value;
}

export function checkedSecret(field: string, value: unknown): string {
  if (typeof value !== "string") throw unexpectedSecret(field, "a string", kindOf(value));
  const secret = value.trim();
  if (secret === "") throw unexpectedSecret(field, "a non-empty string", `a blank one${notSet}`);
  const bad = badCharacter(secret);
  if (bad !== undefined) throw unexpectedSecret(field, "a key without spaces or control characters", bad);
  return secret;
}

/** A string of a list is one key. One that holds several would be sent as it stands, and refused. */
export function checkedElement(field: string, value: unknown): string {
  const text = typeof value === "string" ? value.trim() : "";
  const place = text.search(/[,\r\n]/);
  if (place >= 0) {
    const what = text[place] === "," ? "comma" : "line break";
    const odd = what === "comma" ? "; a secret that does have a comma is given as `{ secret }`" : "";
    const came = `one with a ${what} at position ${place}; several keys are given as one string, not in a list, or split${odd}`;
    throw unexpectedSecret(field, "one key", came);
  }
  refuseBraces(field, text);
  return checkedSecret(field, value);
}

/** An object as text, or a placeholder that was not filled in. */
export function refuseBraces(field: string, text: string): void {
  if (!text.startsWith("{") || !text.endsWith("}")) return;
  const expectation = "a key, keys separated by commas or line breaks, or a JSON array of strings";
  throw unexpectedSecret(field, expectation, "a string in braces, as a JSON object is");
}

/** Without the pair of quotes around it that some files and shells leave there, if there is one around the whole. */
export function unquoted(text: string): string {
  const quote = text[0];
  const isQuoted = (quote === '"' || quote === "'") && text.length > 1 && text.indexOf(quote, 1) === text.length - 1;
  return isQuoted ? text.slice(1, -1).trim() : text;
}

const separators = "; separate keys with commas or line breaks";

/** One key out of a string with several. What it holds may be keys parted by something else. */
export function checkedPart(field: string, entry: unknown): string {
  const part = entry as string;
  const place = part.indexOf(";");
  if (place >= 0) {
    const came = `one with a \`;\` at position ${place}${separators}; a key that does have one can be an element of a list`;
    throw unexpectedSecret(field, "a key without `;`", came);
  }
  if (/^["']|["']$/.test(part)) {
    throw unexpectedSecret(field, "a key", "one with a quote at one end; put quotes around both ends or around none");
  }
  const bad = badCharacter(part);
  if (bad !== undefined) {
    throw unexpectedSecret(field, "a key without spaces or control characters", `${bad}${separators}`);
  }
  return part;
}

/** Letters, digits and the signs that secrets are made of: no way of writing keys makes anything else of it. */
export function isPlainSecret(text: string): boolean {
  return /^[\w.:/+=~-]+$/.test(text);
}
