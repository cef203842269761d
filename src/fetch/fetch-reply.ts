import type { BodyWatch, Reply } from "../attempt/call.ts";
import { giveUp } from "./bodies/abort-watch.ts";
import {
  type BegunBody,
  type IdleLimit,
  nothingAhead,
  PassedBody,
  passedBody,
  readerOf,
  readWithin,
} from "./bodies/passed-body.ts";
import { withFields } from "./bodies/response-fields.ts";

/** Statuses a `Response` cannot be made with, or not with a body: such answers are passed on as they are. */
function canBeRemade(status: number): boolean {
  return status >= 200 && status < 600 && status !== 204 && status !== 205 && status !== 304;
}

/** What a provider says in another alphabet no `Response` can be made with. */
export function asStatusText(text: string): string {
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(text) ? text : "";
}

function change(headers: Headers, changed: ChangedHeaders): void {
  for (const [name, value] of Object.entries(changed)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
}

const decoder = new TextDecoder();
const nothing = new Uint8Array(0);

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((bytes, chunk) => bytes + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Headers to set on an answer; `null` takes one away. */
export type ChangedHeaders = Readonly<Record<string, string | null>>;

/** A `Response` as the attempt loop sees it. Made again only when its body had to be read or is to be watched. */
export class FetchReply implements Reply<Response> {
  readonly status: number;
  readonly headers: Headers;
  readonly #response: Response;
  readonly #idle: IdleLimit | undefined;
  #body: BegunBody | undefined;
  /** Made ahead; begins to pass its body on when it is delivered. */
  #prepared: { readonly response: Response; readonly source: PassedBody } | undefined;
  #ended = false;
  #isGivenUp = false;

  constructor(response: Response, idle?: IdleLimit | undefined) {
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
    this.#idle = idle;
  }

  async readCapped(maxBytes: number): Promise<string> {
    const body = this.#begin();
    if (body === undefined) return "";
    let size = 0;
    while (size < maxBytes) {
      body.pending ??= this.#idle === undefined ? body.reader.read() : readWithin(body.reader, this.#idle);
      const { done, value } = await body.pending;
      body.pending = undefined;
      if (done) {
        this.#ended = true;
        break;
      }
      body.kept.push(value);
      size += value.byteLength;
    }
    const [first = nothing] = body.kept;
    return decoder.decode(body.kept.length > 1 ? concatenated(body.kept) : first);
  }

  async readUntil(
    seenEnough: (chunk: Uint8Array) => boolean,
    interrupt?: Promise<"late">,
  ): Promise<"enough" | "end" | "late"> {
    const body = this.#begin();
    if (body === undefined) return "end";
    for (;;) {
      body.pending ??= this.#idle === undefined ? body.reader.read() : readWithin(body.reader, this.#idle);
      const read = body.pending;
      const result = await (interrupt === undefined ? read : Promise.race([read, interrupt]));
      if (result === "late") return "late";
      body.pending = undefined;
      if (result.done) {
        this.#ended = true;
        return "end";
      }
      body.kept.push(result.value);
      if (seenEnough(result.value)) return "enough";
    }
  }

  prepare(): void {
    const body = this.#begin();
    if (body === undefined) return;
    const source = new PassedBody(body, this.#idle);
    this.#prepared = { response: this.#remade(new ReadableStream(source, nothingAhead), undefined), source };
  }

  discard(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#isGivenUp = true;
    const pending = this.#body?.pending;
    // Whoever asked for it is gone.
    pending?.catch(() => undefined);
    if (this.#body === undefined) giveUp(this.#response);
    else this.#body.reader.cancel().catch(() => undefined);
  }

  deliver(watch?: BodyWatch | undefined, changed?: ChangedHeaders | undefined): Response {
    const response = this.#response;
    if (watch === undefined && changed === undefined && this.#body === undefined) return response;
    if ((response.body ?? null) === null || !canBeRemade(response.status)) {
      watch?.ended("end");
      if (changed === undefined || response.status < 200 || response.status > 599) return response;
      return this.#remade(null, changed);
    }
    if (this.#ended && watch === undefined) {
      const chunks = this.#body?.kept ?? [];
      return this.#remade(chunks.length === 0 ? null : new Blob(chunks), changed);
    }
    const prepared = this.#isGivenUp ? undefined : this.#prepared;
    if (prepared === undefined) return this.#remade(passedBody(this.#begin() as BegunBody, watch, this.#idle), changed);
    prepared.source.handOver(watch);
    if (changed !== undefined) change(prepared.response.headers, changed);
    return prepared.response;
  }

  #begin(): BegunBody | undefined {
    const { body, status } = this.#response;
    // Stand-ins of other `fetch`es may have none at all.
    if (body === null || body === undefined || !canBeRemade(status)) return undefined;
    this.#body ??= { reader: readerOf(body), kept: [], pending: undefined };
    return this.#body;
  }

  /** A response like the first with a new body: what its own fields say of where it came from stays. */
  #remade(body: BodyInit | null, changed: ChangedHeaders | undefined): Response {
    const { status, url, redirected, type } = this.#response;
    const statusText = asStatusText(this.#response.statusText);
    const headers = new Headers(this.#response.headers);
    // The body arrives decoded, and may have been cut: these would be lies.
    if (headers.has("content-encoding") || this.#isGivenUp) {
      headers.delete("content-encoding");
      headers.delete("content-length");
    }
    if (changed !== undefined) change(headers, changed);
    return withFields(new Response(body, { status, statusText, headers }), { url, redirected, type });
  }
}
