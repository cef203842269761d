import {
  boundaryIn,
  decodedPart,
  isUrlEncoded,
  multipartFields,
  urlEncodedFields,
} from "../../attempt/reading/form-fields.ts";
import { topLevelString } from "../../attempt/reading/request-facts.ts";
import { isA } from "../../realms.ts";
import type { PreparedBody, UnpackedBody } from "./prepared-body.ts";
import { encodingsIn, mostRewritten, mostUnpacked, unpacked } from "./unpacked-body.ts";

/** A body in a shape that can be looked into at once. */
export type ReadableBody = string | Uint8Array<ArrayBuffer> | FormData | URLSearchParams;

/** Why nothing of a body can be read; `stream`: it passes, and is not kept. */
export type Unreadable = "encoding" | "broken" | "too-large" | "stream" | "format";

/** A request as far as its body is looked into. */
export interface BodyOwner {
  readonly body: BodyInit | null | undefined;
  rebuilt: PreparedBody | undefined;
  headerText(name: string): string | null;
}

const decoder = new TextDecoder();

/** What is decoded at first of a body that is bytes: mostly the field that is wanted stands there. */
const headBytes = 65_536;

/** The body as it can be looked into; `undefined`: there is none, or it has to be made readable first, if it can be. */
export function readableBody({ body, rebuilt }: Pick<BodyOwner, "body" | "rebuilt">): ReadableBody | undefined {
  if (typeof body === "string") return body;
  if (rebuilt?.form !== undefined) return rebuilt.form;
  if (rebuilt?.plain !== undefined) return rebuilt.plain.bytes;
  return bytesOf(body) ?? (isA(body, "URLSearchParams") ? body : undefined);
}

/**
 * Makes a body readable that is packed, or has to be fetched from where it lies. What is sent stays as it is. `undefined`: nothing
 * is left to do.
 * @param isWhole only all of it will do, as it may be written anew
 */
export function makeReadable(owner: BodyOwner, isWhole: boolean): Promise<void> | undefined {
  const { body, rebuilt } = owner;
  if (body === undefined || body === null || typeof body === "string" || rebuilt?.plain !== undefined) return undefined;
  // The bytes of a form were kept in a Blob; one that is too long for that is written anew from its fields.
  if (rebuilt?.form !== undefined) return isWhole && isA(body, "Blob") ? readBlob(owner, body, true) : undefined;
  const bytes = bytesOf(body);
  if (bytes === undefined) return isA(body, "Blob") ? readBlob(owner, body, isWhole) : undefined;
  return encodingsIn(owner.headerText("content-encoding")) === undefined ? undefined : unpack(owner, bytes, isWhole);
}

async function readBlob(owner: BodyOwner, blob: Blob, isWhole: boolean): Promise<void> {
  try {
    const bytes = new Uint8Array(await blob.slice(0, isWhole ? mostRewritten : mostUnpacked).arrayBuffer());
    const isCut = blob.size > bytes.length;
    if (encodingsIn(owner.headerText("content-encoding")) !== undefined) await unpack(owner, bytes, isWhole);
    else keep(owner, { bytes, trouble: isCut ? "too-large" : undefined }, isWhole);
  } catch {
    // A file that is gone: whoever sends it says so.
    keep(owner, { bytes: new Uint8Array(0), trouble: "broken" }, isWhole);
  }
}

async function unpack(owner: BodyOwner, bytes: Uint8Array<ArrayBuffer>, isWhole: boolean): Promise<void> {
  const encodings = encodingsIn(owner.headerText("content-encoding")) ?? [];
  keep(owner, await unpacked(bytes, encodings, isWhole ? mostRewritten : mostUnpacked), isWhole);
}

function keep(owner: BodyOwner, found: UnpackedBody, isWhole: boolean): void {
  const { body, rebuilt } = owner;
  // Nothing may be read of what could not be written: it would go out under a name its provider does not know.
  const isUseless = isWhole && found.trouble !== undefined;
  owner.rebuilt = {
    body,
    replayable: rebuilt?.replayable ?? true,
    contentType: rebuilt?.contentType,
    form: rebuilt?.form,
    make: rebuilt?.make,
    abandon: rebuilt?.abandon,
    plain: isUseless ? { bytes: new Uint8Array(0), trouble: found.trouble } : found,
  };
}

/** What a text field at the top of a body says: of a JSON object, or of a form of either kind. */
export function textFieldOf(owner: BodyOwner, field: string): string | undefined {
  const body = readableBody(owner);
  if (body === undefined) return undefined;
  if (isA(body, "FormData") || isA(body, "URLSearchParams")) {
    const value = body.get(field);
    return typeof value === "string" ? value : undefined;
  }
  if (typeof body === "string") return textFieldIn(body, owner, field);
  const boundary = boundaryIn(contentTypeOf(owner));
  if (boundary === undefined) return bytesFieldIn(body, owner, field);
  const [place] = multipartFields(body, boundary, field);
  return place && decoder.decode(body.subarray(...place));
}

function bytesFieldIn(body: Uint8Array, owner: BodyOwner, field: string): string | undefined {
  const head = decoder.decode(body.subarray(0, headBytes));
  const found = textFieldIn(head, owner, field);
  return found === undefined && body.length > headBytes ? textFieldIn(decoder.decode(body), owner, field) : found;
}

function textFieldIn(text: string, owner: BodyOwner, field: string): string | undefined {
  if (isJson(text)) return topLevelString(text, field);
  if (!isUrlEncoded(contentTypeOf(owner))) return undefined;
  const [place] = urlEncodedFields(text, field);
  return place && decodedPart(text.slice(...place));
}

/** Why nothing can be read of a body that may name something; `undefined`: it was read, or there is none. */
export function unreadableOf(owner: BodyOwner): Unreadable | undefined {
  const { body, rebuilt } = owner;
  if (body === undefined || body === null) return undefined;
  if (rebuilt?.plain?.trouble !== undefined) return rebuilt.plain.trouble;
  const readable = readableBody(owner);
  if (readable === undefined) return "stream";
  if (isA(readable, "FormData") || isA(readable, "URLSearchParams") || readable.length === 0) return undefined;
  const type = contentTypeOf(owner);
  if (boundaryIn(type) !== undefined || isUrlEncoded(type)) return undefined;
  return isJson(typeof readable === "string" ? readable : decoder.decode(readable.subarray(0, 64)))
    ? undefined
    : "format";
}

/** What the body is, by the header, or where that is silent by itself. */
export function contentTypeOf(owner: BodyOwner): string | undefined {
  const { body, rebuilt } = owner;
  return owner.headerText("content-type") ?? rebuilt?.contentType ?? (isA(body, "Blob") ? body.type : undefined);
}

function bytesOf(body: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (isA(body, "Uint8Array")) return body as Uint8Array<ArrayBuffer>;
  if (isA(body, "ArrayBuffer")) return new Uint8Array(body);
  if (!ArrayBuffer.isView(body)) return undefined;
  return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength);
}

/** Does a text begin as JSON does? */
function isJson(text: string): boolean {
  return /^\s*[{[]/.test(text);
}
