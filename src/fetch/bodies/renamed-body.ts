import {
  boundaryIn,
  decodedPart,
  isUrlEncoded,
  multipartFields,
  type Place,
  urlEncodedFields,
} from "../../attempt/reading/form-fields.ts";
import { topLevelStrings } from "../../attempt/reading/request-facts.ts";
import { isA } from "../../realms.ts";
import type { PreparedBody } from "./prepared-body.ts";
import { type BodyOwner, contentTypeOf, readableBody } from "./readable-body.ts";

/** What a field says, and what it is to say. */
export interface Renaming {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** Every byte is one character: what is found at a place stands at the same place of the bytes. */
const bytewise = new TextDecoder("latin1");
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * The body with another value in a text field at its top, wherever that has the one given. Every other byte stays as it is, but for a
 * packed body, which goes on unpacked. `undefined`: it stands nowhere.
 */
export function renamedBody(owner: BodyOwner, renaming: Renaming): PreparedBody | undefined {
  const { rebuilt } = owner;
  // The usual body: what its type says is of no matter.
  if (typeof owner.body === "string" && owner.body.startsWith("{")) {
    const renamed = renamedText(owner.body, undefined, renaming);
    return renamed === undefined ? undefined : { body: renamed, replayable: true };
  }
  if (rebuilt?.form !== undefined && rebuilt.plain === undefined) return renamedForm(rebuilt.form, rebuilt, renaming);
  const body = rebuilt?.plain?.bytes ?? readableBody(owner);
  if (body === undefined || isA(body, "FormData")) return undefined;
  const type = isA(body, "URLSearchParams") ? "application/x-www-form-urlencoded;charset=UTF-8" : contentTypeOf(owner);
  const text = isA(body, "URLSearchParams") ? body.toString() : body;
  const renamed = typeof text === "string" ? renamedText(text, type, renaming) : renamedBytes(text, type, renaming);
  return renamed === undefined ? undefined : { body: renamed, replayable: true, contentType: type };
}

function renamedText(text: string, type: string | undefined, renaming: Renaming): string | undefined {
  const { field, from, to } = renaming;
  const isForm = isUrlEncoded(type);
  const found = isForm ? urlEncodedFields(text, field) : topLevelStrings(text, field);
  const places = found.filter(([start, end]) => valueIn(text.slice(start, end), isForm) === from);
  if (places.length === 0) return undefined;
  const written = writtenAs(to, isForm);
  let at = 0;
  let renamed = "";
  for (const [start, end] of places) {
    renamed += text.slice(at, start) + written;
    at = end;
  }
  return renamed + text.slice(at);
}

function renamedBytes(
  bytes: Uint8Array<ArrayBuffer>,
  type: string | undefined,
  { field, from, to }: Renaming,
): Uint8Array<ArrayBuffer> | undefined {
  const boundary = boundaryIn(type);
  const isForm = isUrlEncoded(type);
  const said = (place: Place): string => decoder.decode(bytes.subarray(...place));
  let places: Place[];
  if (boundary !== undefined) places = multipartFields(bytes, boundary, field).filter((place) => said(place) === from);
  else {
    const text = bytewise.decode(bytes);
    const found = isForm ? urlEncodedFields(text, field) : topLevelStrings(text, field);
    places = found.filter((place) => valueIn(said(place), isForm) === from);
  }
  return places.length === 0 ? undefined : spliced(bytes, places, boundary === undefined ? writtenAs(to, isForm) : to);
}

function spliced(bytes: Uint8Array, places: readonly Place[], text: string): Uint8Array<ArrayBuffer> {
  const put = encoder.encode(text);
  const size = places.reduce((left, [start, end]) => left + put.length - (end - start), bytes.length);
  const renamed = new Uint8Array(size);
  let from = 0;
  let at = 0;
  for (const [start, end] of places) {
    renamed.set(bytes.subarray(from, start), at);
    at += start - from;
    renamed.set(put, at);
    at += put.length;
    from = end;
  }
  renamed.set(bytes.subarray(from), at);
  return renamed;
}

function valueIn(written: string, isForm: boolean): string | undefined {
  if (isForm) return decodedPart(written);
  try {
    return JSON.parse(written) as string;
  } catch {
    return undefined;
  }
}

function writtenAs(value: string, isForm: boolean): string {
  return isForm ? new URLSearchParams([["", value]]).toString().slice(1) : JSON.stringify(value);
}

/** A form that is too long to be kept in bytes: the platform writes it out anew for every attempt, with the same files. */
function renamedForm(form: FormData, rebuilt: PreparedBody, { field, from, to }: Renaming): PreparedBody | undefined {
  if (!form.getAll(field).includes(from)) return undefined;
  const renamed = new FormData();
  for (const [name, value] of form.entries()) {
    if (typeof value !== "string") renamed.append(name, value, value.name);
    else renamed.append(name, name === field && value === from ? to : value);
  }
  if (rebuilt.make === undefined) return { body: renamed, replayable: true, form: renamed };
  const make = (): { body: BodyInit | null; contentType: string | undefined } => {
    const encoded = new Response(renamed);
    return { body: encoded.body, contentType: encoded.headers.get("content-type") ?? undefined };
  };
  return { body: renamed, replayable: true, form: renamed, make };
}
