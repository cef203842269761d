/** A body that can be sent again as often as needed, or one that cannot. */
export interface PreparedBody {
  readonly body: BodyInit | null | undefined;
  readonly replayable: boolean;
}

/** Is it the kind of body every attempt can read anew? Streams and iterables are used up by the first. */
export function isReplayable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  if (typeof body !== "object") return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  if (body instanceof Blob || body instanceof URLSearchParams || body instanceof FormData) return true;
  return !isChunked(body);
}

/** What is iterable without waiting is no body to `fetch`: it becomes a string, the same each time. */
function isChunked(body: object): boolean {
  return body instanceof ReadableStream || Symbol.asyncIterator in body;
}

/** Reads a one-shot body into memory, up to `maxBytes`; a longer one is passed on as what was read and the rest. */
export async function prepareBody(body: object, maxBytes: number): Promise<PreparedBody> {
  const iterator = chunksOf(body)[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) return { body: joined(chunks, size), replayable: true };
    chunks.push(value);
    size += value.byteLength;
    if (size > maxBytes) return { body: continued(chunks, iterator), replayable: false };
  }
}

async function* chunksOf(body: object): AsyncGenerator<Uint8Array, undefined> {
  const source = (Symbol.asyncIterator in body ? body : streamChunks(body as ReadableStream)) as AsyncIterable<unknown>;
  for await (const chunk of source) yield bytesOf(chunk);
  return undefined;
}

/** Not every runtime's streams can be iterated. */
async function* streamChunks(stream: ReadableStream): AsyncGenerator<unknown> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError(`Expected the chunks of a streamed \`body\` to be bytes or strings, got ${typeof chunk}`);
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

function continued(chunks: Uint8Array[], rest: AsyncIterator<Uint8Array, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
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
      async cancel() {
        await rest.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
