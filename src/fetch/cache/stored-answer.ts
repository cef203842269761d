import { withFields } from "../bodies/response-fields.ts";
import { topLevelField } from "./cache-request.ts";

/** Types whose bodies are streams of events or lines. */
const streamType = /event-?stream|ndjson|jsonl|json-?lines|stream\+json|json-seq/i;

/** May an answer be kept, as far as its head tells? */
export function mayBeStored(response: Response, maxBytes: number): boolean {
  const { status, headers, body } = response;
  if (status !== 200 || response.bodyUsed) return false;
  // Some `fetch`es answer with streams of another kind.
  if (body !== null && typeof (body as Partial<ReadableStream> | undefined)?.getReader !== "function") return false;
  if (headers.has("content-range") || streamType.test(headers.get("content-type") ?? "")) return false;
  if (/\bno-store\b/i.test(headers.get("cache-control") ?? "")) return false;
  return !(Number(headers.get("content-length")) > maxBytes);
}

/** Some providers answer 200 and tell of an error in the body. */
function tellsOfError(contentType: string | null, bytes: Uint8Array): boolean {
  if (!/\bjson\b/i.test(contentType ?? "")) return false;
  const text = new TextDecoder().decode(bytes);
  return text.includes('"error"') && Boolean(topLevelField(text, "error"));
}

/** `set-cookie` was for the first caller alone; the others would be lies about a body that arrives decoded. */
const droppedHeaders = new Set(["set-cookie", "content-encoding", "content-length", "transfer-encoding"]);

/** A complete answer that can be given any number of times. */
export class StoredAnswer {
  /** About what it takes of memory, in bytes. */
  readonly size: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #head: { readonly status: number; readonly statusText: string; readonly headers: [string, string][] };
  readonly #fields: Pick<Response, "url" | "redirected" | "type">;
  readonly #storedAt: number;

  /** @param now Monotonic milliseconds. */
  constructor(response: Response, bytes: Uint8Array<ArrayBuffer>, now: number) {
    const { status, statusText, url, redirected, type } = response;
    const headers = [...response.headers].filter(([name]) => !droppedHeaders.has(name));
    this.#bytes = bytes;
    this.#head = { status, statusText, headers };
    this.#fields = { url, redirected, type };
    this.#storedAt = now;
    const headerLength = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    this.size = bytes.byteLength + 2 * (headerLength + url.length) + 512;
  }

  /** The answer to keep, or `undefined` when its body says that it is none. */
  static of(response: Response, bytes: Uint8Array<ArrayBuffer>, now: number): StoredAnswer | undefined {
    if (tellsOfError(response.headers.get("content-type"), bytes)) return undefined;
    return new StoredAnswer(response, bytes, now);
  }

  /** A response of its own for one caller, free to do with it anything. */
  respond(callUrl: string, now: number): Response {
    const { status, statusText } = this.#head;
    const { url, redirected, type } = this.#fields;
    const headers = new Headers(this.#head.headers);
    headers.set("x-rotating-fetch", "cached");
    headers.set("age", String(Math.floor((now - this.#storedAt) / 1000)));
    // The bytes are copied by the constructor. The first caller's address may hold what is nobody else's.
    const response = new Response(this.#bytes, { status, statusText, headers });
    return withFields(response, { url: redirected || url === "" ? url : callUrl, redirected, type });
  }
}
