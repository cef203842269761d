import { isA } from "../../realms.ts";
import { whenAborted } from "./abort-watch.ts";
import { type ChunkSource, chunksOf } from "./body-chunks.ts";
import { isForeignBlob, isForm, prepareForm, tagOf } from "./form-body.ts";
import type { BodyOptions, PreparedBody } from "./prepared-body.ts";

/** Does `fetch` take it as it is, each time the same bytes? Streams are used up by the first, a form is written anew. */
export function isSentAsIs(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return true;
  if (isA(body, "ArrayBuffer") || ArrayBuffer.isView(body)) return true;
  // Of the platform's own class: what is of another package or realm is written out before it is sent.
  return body instanceof Blob || body instanceof URLSearchParams;
}

/**
 * Makes a body one that can be sent again; `undefined` where it is to be left to `fetch`, which makes a string of it.
 * When the signal aborts, a stream is let go of; whoever waits has to end that itself.
 */
export function prepareBody(body: object, options: BodyOptions): Promise<PreparedBody> | undefined {
  if (isForm(body)) return prepareForm(body, options);
  if (isForeignBlob(body)) return prepareBlob(body, options);
  if (tagOf(body) === "URLSearchParams") {
    const contentType = "application/x-www-form-urlencoded;charset=UTF-8";
    return Promise.resolve({ body: String(body), replayable: true, contentType });
  }
  const chunks = chunksOf(body);
  return chunks === undefined ? undefined : prepareStream(chunks, contentTypeOf(body), options);
}

async function prepareBlob(blob: Blob, { maxReplayBytes }: BodyOptions): Promise<PreparedBody> {
  const contentType = blob.type === "" ? undefined : blob.type;
  if (blob.size <= maxReplayBytes) return { body: await blob.arrayBuffer(), replayable: true, contentType };
  return { body: blob, replayable: true, contentType, make: () => ({ body: blob.stream(), contentType }) };
}

/** The forms of the package `form-data` are streams that know their boundary. */
function contentTypeOf(body: object): string | undefined {
  const { getHeaders } = body as { getHeaders?: unknown };
  if (typeof getHeaders !== "function") return undefined;
  const headers: unknown = getHeaders.call(body);
  if (typeof headers !== "object" || headers === null) return undefined;
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1] as unknown;
  return typeof type === "string" ? type : undefined;
}

/** Reads a one-shot body into memory, up to `maxReplayBytes`; a longer one is passed on as what was read and the rest. */
async function prepareStream(
  source: ChunkSource,
  contentType: string | undefined,
  { maxReplayBytes, signal }: BodyOptions,
): Promise<PreparedBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const unwatch = signal && whenAborted(signal, () => source.stop(signal.reason));
  try {
    for (;;) {
      const { done, value } = await source.next();
      if (signal?.aborted) throw signal.reason;
      if (done) return { body: joined(chunks, size), replayable: true, contentType };
      chunks.push(value);
      size += value.byteLength;
      if (size > maxReplayBytes) return { ...continued(chunks, source), replayable: false, contentType };
    }
  } catch (error) {
    source.stop(error);
    throw error;
  } finally {
    unwatch?.();
  }
}

/** Chunks put together. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function continued(chunks: Uint8Array[], rest: ChunkSource): Pick<PreparedBody, "body" | "abandon"> {
  let passing: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        passing = controller;
      },
      async pull(controller) {
        const kept = chunks.shift();
        if (kept !== undefined) {
          controller.enqueue(kept);
          return;
        }
        const { done, value } = await rest.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => rest.stop(reason),
    },
    { highWaterMark: 0 },
  );
  const abandon = (reason: unknown): void => {
    passing?.error(reason);
    rest.stop(reason);
  };
  return { body, abandon };
}
