import type { BodyOptions, PreparedBody } from "./prepared-body.ts";

/** What objects of a class call themselves, wherever the class is from. */
export function tagOf(value: object): unknown {
  return (value as Record<symbol, unknown>)[Symbol.toStringTag];
}

/** A form of the platform's or of a package's own class. A stream may be tagged so, too. */
export function isForm(body: object): body is FormData {
  if (body instanceof FormData) return true;
  const { entries } = body as Partial<FormData>;
  return tagOf(body) === "FormData" && typeof entries === "function";
}

/** A file of a class that is not the platform's. */
export function isForeignBlob(value: object): value is Blob {
  // The platform sends what is of its own class; one of another package or realm is read first.
  if (value instanceof Blob) return false;
  const { arrayBuffer } = value as Partial<Blob>;
  const tag = tagOf(value);
  return (tag === "Blob" || tag === "File") && typeof arrayBuffer === "function";
}

/**
 * A form as bytes: the platform would write another boundary for every attempt. A form with more than `maxReplayBytes` is
 * left to the platform's `fetch`, which reads its files anew; any other function may not know the class and gets a stream,
 * made anew for each attempt.
 */
export async function prepareForm(
  given: FormData,
  { maxReplayBytes, usesPlatform }: BodyOptions,
): Promise<PreparedBody> {
  const form = given instanceof FormData ? given : await adopted(given);
  if (sizeOf(form) <= maxReplayBytes) {
    const encoded = new Response(form);
    const contentType = contentTypeOf(encoded);
    // A Blob without a type: it is not taken for text, and no type of its own is put beside the header.
    return { body: new Blob([await encoded.arrayBuffer()]), replayable: true, contentType, form };
  }
  if (usesPlatform) return { body: form, replayable: true, form };
  const make = (): { body: BodyInit | null; contentType: string | undefined } => {
    const encoded = new Response(form);
    return { body: encoded.body, contentType: contentTypeOf(encoded) };
  };
  return { body: form, replayable: true, form, make };
}

/** Upper-case letters of a boundary count, so it is taken as it is written. */
function contentTypeOf({ headers }: Response): string | undefined {
  return headers.get("content-type") ?? undefined;
}

/** The same in the platform's own classes. */
async function adopted(given: FormData): Promise<FormData> {
  const form = new FormData();
  for (const [name, value] of given.entries()) {
    if (typeof value !== "object" || value === null) form.append(name, String(value));
    else form.append(name, await adoptedBlob(value), nameOf(value));
  }
  return form;
}

/** What a form calls a file that has no name. */
function nameOf({ name }: { readonly name?: unknown }): string {
  return typeof name === "string" ? name : "blob";
}

async function adoptedBlob(blob: Blob): Promise<Blob> {
  return isForeignBlob(blob) ? new Blob([await blob.arrayBuffer()], { type: blob.type }) : blob;
}

function sizeOf(form: FormData): number {
  let size = 0;
  for (const [, value] of form.entries()) size += typeof value === "string" ? value.length : value.size;
  return size;
}
