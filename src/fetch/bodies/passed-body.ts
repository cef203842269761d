import type { BodyWatch } from "../../attempt/call.ts";
import { idleReason } from "../../pool/waiting/bounded-wait.ts";
import type { Clock } from "../../types.ts";
import { whenAborted } from "./abort-watch.ts";
import { chunksOf } from "./body-chunks.ts";

type Chunk = Uint8Array<ArrayBuffer>;
export type BodyReader = Pick<ReadableStreamDefaultReader<Chunk>, "read" | "cancel">;
export type BodyRead = ReadableStreamReadResult<Chunk>;

/** Reads a body, of the platform's class or as other `fetch`es bring them. */
export function readerOf(body: ReadableStream<Chunk>): BodyReader {
  if (typeof body.getReader === "function") return body.getReader();
  const chunks = chunksOf(body);
  if (chunks === undefined) throw new TypeError("Expected the body of a response to be a stream");
  return {
    read: () => chunks.next() as Promise<BodyRead>,
    cancel: async (reason) => chunks.stop(reason),
  };
}

/** How long a body may send nothing while somebody waits for it. */
export interface IdleLimit {
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
}

/** A body that was begun: what was read of it, and whoever reads on. */
export interface BegunBody {
  readonly reader: BodyReader;
  readonly kept: Chunk[];
  /** A read that was asked for and not waited for. */
  pending: Promise<BodyRead> | undefined;
}

/** What outlives a body that is dropped: it must not lead back to the body. */
interface Ending {
  readonly reader: BodyReader;
  ended: BodyWatch["ended"];
  isOver: boolean;
}

/** Bodies that nobody can read any more give their connections back, where the platform tells. */
const dropped =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<Ending>((ending) => {
        ending.reader.cancel().catch(() => {});
        finish(ending, "cancel");
      });

function finish(ending: Ending, how: Parameters<BodyWatch["ended"]>[0]): void {
  if (ending.isOver) return;
  ending.isOver = true;
  ending.ended(how);
}

/** Reads on; a body that is silent for too long is given up. */
export function readWithin(reader: BodyReader, { idleTimeoutMs, clock }: IdleLimit): Promise<BodyRead> {
  return new Promise((resolve, reject) => {
    const cancelTimer = clock.timer(() => {
      const reason = idleReason();
      reject(reason);
      reader.cancel(reason).catch(() => {});
    }, idleTimeoutMs);
    reader.read().then(resolve, reject).finally(cancelTimer);
  });
}

/**
 * The rest of a body passed through, behind what was kept of it. Its end is told once, whether it ends, breaks, is
 * cancelled, or is dropped unread. Nothing is buffered; cancelling and back-pressure reach the provider. `onChunk` sees
 * every chunk before the reader gets it, and no more of them once it has thrown. `ended` must not hold on to the stream.
 */
export function passedBody(
  body: BegunBody,
  watch: BodyWatch | undefined,
  idle: IdleLimit | undefined,
): ReadableStream<Uint8Array> {
  const source = new PassedBody(body, idle);
  source.handOver(watch);
  return new ReadableStream(source, nothingAhead);
}

/** What is read is what somebody asks for. */
export const nothingAhead: QueuingStrategy<Uint8Array> = { highWaterMark: 0 };

function nobodyAsks(): void {}

/** A signal that lives longer than the body must not keep it from being collected. */
function whenAbortedWeakly(signal: AbortSignal, body: PassedBody): (() => void) | undefined {
  if (typeof WeakRef === "undefined") return undefined;
  const reference = new WeakRef(body);
  return whenAborted(signal, () => reference.deref()?.abort(signal.reason));
}

/** Lives as long as anything can still read the body: every stream holds on to its source. */
export class PassedBody implements UnderlyingDefaultSource<Uint8Array> {
  readonly #body: BegunBody;
  readonly #ending: Ending;
  readonly #idle: IdleLimit | undefined;
  #onChunk: BodyWatch["onChunk"];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unwatch: (() => void) | undefined;
  /** Aborted before there was a stream to tell it. */
  #broken: { readonly reason: unknown } | undefined;

  constructor(body: BegunBody, idle: IdleLimit | undefined) {
    this.#body = body;
    this.#idle = idle;
    this.#ending = { reader: body.reader, ended: nobodyAsks, isOver: false };
    this.#onChunk = undefined;
  }

  /** Whoever it was made for gets it: its end is told from now on. */
  handOver(watch: BodyWatch | undefined): void {
    this.#ending.ended = watch?.ended ?? nobodyAsks;
    this.#onChunk = watch?.onChunk;
    if (watch?.signal !== undefined) this.#unwatch = whenAbortedWeakly(watch.signal, this);
    // Not before: a body that was never handed over may still be read by others.
    dropped?.register(this, this.#ending, this);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    if (this.#broken !== undefined) controller.error(this.#broken.reason);
  }

  /** Some platforms leave a reader waiting for ever, and others hand it a copy of the reason. */
  abort(reason: unknown): void {
    if (this.#ending.isOver) return;
    this.#finish("error");
    if (this.#controller === undefined) this.#broken = { reason };
    else this.#controller.error(reason);
    this.#ending.reader.cancel(reason).catch(() => {});
  }

  /** Not an async function: there is one promise fewer for each chunk. */
  pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | undefined {
    const body = this.#body;
    const kept = body.kept.shift();
    if (kept !== undefined) {
      this.#pass(kept, controller);
      return undefined;
    }
    const { pending, reader } = body;
    body.pending = undefined;
    const reading = pending ?? (this.#idle === undefined ? reader.read() : readWithin(reader, this.#idle));
    return reading.then(
      (read) => this.#take(read, controller),
      (error: unknown) => {
        // Aborted: the stream has been told of it.
        if (this.#ending.isOver) return;
        this.#finish("error");
        throw error;
      },
    );
  }

  #take(read: BodyRead, controller: ReadableStreamDefaultController<Uint8Array>): void {
    // Cancelled while it was waited for: the stream takes nothing more.
    if (this.#ending.isOver) return;
    if (read.done) {
      this.#finish("end");
      controller.close();
    } else this.#pass(read.value, controller);
  }

  cancel(reason: unknown): Promise<void> {
    this.#finish("cancel");
    return this.#ending.reader.cancel(reason);
  }

  #pass(chunk: Chunk, controller: ReadableStreamDefaultController<Uint8Array>): void {
    try {
      this.#onChunk?.(chunk);
    } catch {
      this.#onChunk = undefined;
    }
    controller.enqueue(chunk);
  }

  #finish(how: Parameters<BodyWatch["ended"]>[0]): void {
    this.#unwatch?.();
    dropped?.unregister(this);
    finish(this.#ending, how);
  }
}
