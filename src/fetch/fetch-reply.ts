import type { Reply } from "../attempt/call.ts";
import { withFields } from "./response-fields.ts";

/** Statuses a `Response` cannot be made with, or not with a body: such answers are passed on as they are. */
function canBeRemade(status: number): boolean {
  return status >= 200 && status < 600 && status !== 204 && status !== 205 && status !== 304;
}

/** A `Response` as the attempt loop sees it. Made again only when its body had to be read. */
export class FetchReply implements Reply<Response> {
  #response: Response;
  #chunks: Uint8Array<ArrayBuffer>[] | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  #ended = false;

  constructor(response: Response) {
    this.#response = response;
  }

  get status(): number {
    return this.#response.status;
  }

  get headers(): Headers {
    return this.#response.headers;
  }

  async readCapped(maxBytes: number): Promise<string> {
    const { body, status } = this.#response;
    if (body === null || !canBeRemade(status) || this.#chunks !== undefined) return "";
    const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
    this.#reader = reader;
    this.#chunks = [];
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    while (size < maxBytes) {
      const { done, value } = await reader.read();
      if (done) {
        this.#ended = true;
        break;
      }
      this.#chunks.push(value);
      size += value.byteLength;
      text += decoder.decode(value, { stream: true });
    }
    return text;
  }

  discard(): void {
    if (this.#ended) return;
    this.#ended = true;
    const cancelled = this.#reader === undefined ? this.#response.body?.cancel() : this.#reader.cancel();
    cancelled?.catch(() => undefined);
  }

  /** The answer for the caller: the same object when its body is untouched. */
  deliver(): Response {
    if (this.#chunks === undefined) return this.#response;
    return remade(this.#response, this.#body(this.#chunks), this.#response.headers);
  }

  /** The provider's refusal with the pool's own word on when to come back. */
  deliverWith(changed: Readonly<Record<string, string | null>>): Response {
    const headers = new Headers(this.#response.headers);
    for (const [name, value] of Object.entries(changed)) {
      if (value === null) headers.delete(name);
      else headers.set(name, value);
    }
    return remade(this.#response, this.#body(this.#chunks ?? []), headers);
  }

  #body(chunks: Uint8Array<ArrayBuffer>[]): BodyInit | null {
    const reader = this.#reader;
    if (this.#ended || reader === undefined) return chunks.length === 0 ? null : new Blob(chunks);
    let next = 0;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const kept = chunks[next++];
          if (kept !== undefined) {
            controller.enqueue(kept);
            return;
          }
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

/** A response like another with a new body: what its own fields say of where it came from stays. */
function remade(original: Response, body: BodyInit | null, from: Headers): Response {
  const headers = new Headers(from);
  // The body arrives decoded and may be cut: these would be lies.
  headers.delete("content-encoding");
  headers.delete("content-length");
  const response = new Response(body, { status: original.status, statusText: original.statusText, headers });
  return withFields(response, { url: original.url, redirected: original.redirected, type: original.type });
}
