/** Where something begins and ends. */
export type Place = readonly [start: number, end: number];

const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const tab = 9;
const dash = 45;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The boundary that a content type states; `undefined` for one that is no form's of several parts. */
export function boundaryIn(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^\s*multipart\//i.test(contentType)) return undefined;
  return parameterIn(contentType, "boundary");
}

/** Is it a form's whose fields stand in one line? */
export function isUrlEncoded(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType);
}

/** Where the values of the text fields of this name stand in a form of several parts; of one that breaks off, as far as it goes. */
export function multipartFields(form: Uint8Array, boundary: string, name: string): Place[] {
  const delimiter = new Delimiter(boundary);
  const places: Place[] = [];
  let at = delimiter.first(form);
  while (at !== -1) {
    const headersAt = afterLine(form, at);
    const headersEnd = headersAt === -1 ? -1 : emptyLine(form, headersAt);
    if (headersEnd === -1) break;
    const start = afterLine(form, headersEnd);
    // The empty line may be the one that the delimiter ends.
    const next = delimiter.next(form, start - 1);
    if (next === -1) break;
    if (isTextField(decoder.decode(form.subarray(headersAt, headersEnd)), name)) {
      const end = next > start && form[next - 1] === carriageReturn ? next - 1 : next;
      places.push([start, Math.max(start, end)]);
    }
    at = next + delimiter.length;
    if (form[at] === dash && form[at + 1] === dash) break;
  }
  return places;
}

/** Where the values of the fields of this name stand in a form that is one line. */
export function urlEncodedFields(form: string, name: string): Place[] {
  const places: Place[] = [];
  for (let start = 0; start <= form.length; ) {
    const next = form.indexOf("&", start);
    const end = next === -1 ? form.length : next;
    const sign = form.indexOf("=", start);
    if (sign !== -1 && sign < end && decodedPart(form.slice(start, sign)) === name) places.push([sign + 1, end]);
    start = end + 1;
  }
  return places;
}

/** What a name or a value of such a form says. */
export function decodedPart(written: string): string {
  if (!/[%+]/.test(written)) return written;
  return new URLSearchParams(`v=${written}`).get("v") ?? written;
}

/** What stands between the parts of a form. Skips through files by the boundary's length. */
class Delimiter {
  readonly length: number;
  readonly #bytes: Uint8Array;
  /** How far to go on by what stands where the boundary would end. */
  readonly #skips = new Uint8Array(256);

  constructor(boundary: string) {
    this.#bytes = encoder.encode(`\n--${boundary}`);
    this.length = this.#bytes.length;
    const longest = Math.min(this.length, 255);
    this.#skips.fill(longest);
    for (let place = 0; place < this.length - 1; place++) {
      this.#skips[this.#bytes[place] as number] = Math.min(longest, this.length - 1 - place);
    }
  }

  /** Behind the first one, which may begin the form. */
  first(form: Uint8Array): number {
    const isAtOnce = this.#bytes.every((byte, place) => place === 0 || form[place - 1] === byte);
    if (isAtOnce && this.#isWhole(form, this.length - 1)) return this.length - 1;
    const found = this.next(form, 0);
    return found === -1 ? -1 : found + this.length;
  }

  /** Where the next one begins, with its line feed, or -1. */
  next(form: Uint8Array, from: number): number {
    const last = this.length - 1;
    for (let at = from; at + last < form.length; ) {
      const final = form[at + last] as number;
      if (final === this.#bytes[last] && this.#matches(form, at) && this.#isWhole(form, at + this.length)) return at;
      at += this.#skips[final] as number;
    }
    return -1;
  }

  #matches(form: Uint8Array, at: number): boolean {
    for (let place = this.length - 2; place >= 0; place--) if (form[at + place] !== this.#bytes[place]) return false;
    return true;
  }

  /** One that only begins like it is a part's own text. */
  #isWhole(form: Uint8Array, end: number): boolean {
    const next = form[end];
    return next === carriageReturn || next === lineFeed || next === space || next === tab || next === dash;
  }
}

/** Behind the end of the line, or -1. */
function afterLine(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(lineFeed, from);
  return end === -1 ? -1 : end + 1;
}

/** Where the next line stands that is empty, or -1. */
function emptyLine(bytes: Uint8Array, from: number): number {
  for (let at = from; at !== -1; at = afterLine(bytes, at)) {
    if (bytes[at] === lineFeed || (bytes[at] === carriageReturn && bytes[at + 1] === lineFeed)) return at;
  }
  return -1;
}

function isTextField(headers: string, name: string): boolean {
  const disposition = /^content-disposition[ \t]*:(.*)$/im.exec(headers.replace(/\r?\n[ \t]+/g, " "))?.[1];
  if (disposition === undefined || /;\s*filename\*?\s*=/i.test(disposition.replace(/"(?:[^"\\]|\\.)*"/g, '""')))
    return false;
  return parameterIn(disposition, "name") === name;
}

/** What a parameter of a header says: in quotes, or up to the next semicolon. */
function parameterIn(header: string, wanted: string): string | undefined {
  const parameters = /;\s*([^=;\s"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g;
  for (const [, name = "", quoted, plain = ""] of header.matchAll(parameters)) {
    if (name.toLowerCase() !== wanted) continue;
    return quoted === undefined ? plain.trim() : quoted.replace(/\\(.)/g, "$1");
  }
  return undefined;
}
