import { isA } from "../../realms.ts";

/** A body that is used up by reading it. */
export interface ChunkSource {
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  /** Nobody reads on: whatever brings the chunks may go. */
  stop(reason?: unknown): void;
}

type Brought = Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;

/** What a body brings piece by piece; `undefined` for one that is no stream of any kind. */
export function chunksOf(body: object): ChunkSource | undefined {
  if (isWebStream(body)) return fromReader(body);
  if (Symbol.asyncIterator in body) return fromIterable(body as AsyncIterable<unknown> & Partial<NodeStream>);
  if (isEmitter(body)) return fromEvents(body);
  return undefined;
}

/** Not every runtime's streams can be iterated, and there are streams that are not the platform's. */
function isWebStream(body: object): body is ReadableStream {
  return isA(body, "ReadableStream") || typeof (body as Partial<ReadableStream>).getReader === "function";
}

function fromReader(stream: ReadableStream): ChunkSource {
  const reader = stream.getReader();
  return source(
    () => reader.read(),
    (reason) => reader.cancel(reason),
  );
}

/** What the streams of Node and its older packages have in common. */
interface NodeStream {
  on(event: string, listener: (value?: unknown) => void): unknown;
  pipe(target: unknown): unknown;
  resume?(): unknown;
  pause?(): unknown;
  destroy?(reason?: unknown): unknown;
  readonly readableDidRead?: boolean;
  readonly readableAborted?: boolean;
}

function fromIterable(body: AsyncIterable<unknown> & Partial<NodeStream>): ChunkSource {
  // It would seem to be empty.
  if (body.readableDidRead === true || body.readableAborted === true) {
    throw new TypeError("The `body` is a stream that was read already");
  }
  const iterator = body[Symbol.asyncIterator]();
  return source(
    () => iterator.next() as Brought,
    () => (typeof body.destroy === "function" ? body.destroy() : iterator.return?.()),
  );
}

/** A stream older than iteration, such as the forms of the package `form-data`. */
function isEmitter(body: object): body is NodeStream {
  const { on, pipe } = body as Partial<NodeStream>;
  return typeof on === "function" && typeof pipe === "function";
}

function fromEvents(stream: NodeStream): ChunkSource {
  const arrived: unknown[] = [];
  let over: { readonly error?: unknown } | undefined;
  let wake = (): void => {};
  const end = (how: { readonly error?: unknown }): void => {
    over ??= how;
    wake();
  };
  stream.on("data", (chunk) => {
    arrived.push(chunk);
    stream.pause?.();
    wake();
  });
  stream.on("end", () => end({}));
  stream.on("close", () => end({}));
  stream.on("error", (error) => end({ error }));
  const next = async (): Brought => {
    while (arrived.length === 0 && over === undefined) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      stream.resume?.();
      await woken;
    }
    if (arrived.length > 0) return { done: false, value: arrived.shift() };
    if (over !== undefined && "error" in over) throw over.error;
    return { done: true };
  };
  return source(next, () => stream.destroy?.());
}

function source(read: () => Brought, stop: (reason: unknown) => unknown): ChunkSource {
  return {
    async next() {
      const { done, value } = await read();
      return done === true ? { done, value: undefined } : { done: false, value: bytesOf(value) };
    },
    stop(reason) {
      // How it ends is no news to anybody.
      new Promise((resolve) => resolve(stop(reason))).catch(() => undefined);
    },
  };
}

function bytesOf(chunk: unknown): Uint8Array {
  if (isA(chunk, "Uint8Array")) return chunk;
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  // Of whatever realm.
  if (Object.prototype.toString.call(chunk) === "[object ArrayBuffer]") return new Uint8Array(chunk as ArrayBuffer);
  throw new TypeError(`Expected the chunks of a streamed \`body\` to be bytes or strings, got ${typeof chunk}`);
}
