/**
 * What a value is, whatever copy of the library or realm its class is from: an app may hold the ES module beside the CommonJS build,
 * and test runners give each file globals of its own. `instanceof` knows one class of each name only.
 */

interface PlatformObjects {
  ArrayBuffer: ArrayBuffer;
  Blob: Blob;
  FormData: FormData;
  Headers: Headers;
  Map: Map<unknown, unknown>;
  ReadableStream: ReadableStream;
  Request: Request;
  Response: Response;
  Set: Set<unknown>;
  Uint8Array: Uint8Array;
  URL: URL;
  URLSearchParams: URLSearchParams;
}

/** Is it an object of the platform by that name? A `Buffer` is a `Uint8Array`, and a `File` a `Blob`. */
export function isA<Name extends keyof PlatformObjects>(value: unknown, name: Name): value is PlatformObjects[Name] {
  if (typeof value !== "object" || value === null) return false;
  const tag = tagOf(value);
  return tag === name || (name === "Blob" && tag === "File");
}

/** Names that errors get are kept by subclasses and across realms. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Error) return true;
  const tag = tagOf(value);
  return tag === "Error" || tag === "DOMException";
}

/** Is something to be waited for? Libraries have promises of their own. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function tagOf(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    // A hostile object, or a proxy that was revoked.
    return "";
  }
}
