import { withFields } from "./response-fields.ts";

type HowEnded = "end" | "error" | "cancel";

/** What outlives a body that is dropped: it must not lead back to the body. */
interface Ending {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly ended: (how: HowEnded) => void;
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

function finish(ending: Ending, how: HowEnded): void {
  if (ending.isOver) return;
  ending.isOver = true;
  ending.ended(how);
}

/**
 * The same answer with its body passed through, so that its end is seen: once, whether it ends, breaks, is cancelled, or is
 * dropped unread. Nothing is buffered; cancelling and back-pressure reach the provider. `onChunk` sees every chunk before
 * the reader gets it, and no more of them once it has thrown. `ended` must not hold on to the answer that is returned.
 */
export function observeEnd(
  response: Response,
  ended: (how: HowEnded) => void,
  onChunk?: ((chunk: Uint8Array) => void) | undefined,
): Response {
  const { body } = response;
  if (body === null) {
    ended("end");
    return response;
  }
  const source = new PassedBody({ reader: body.getReader(), ended, isOver: false }, onChunk);
  const passed = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  const { status, statusText, headers, url, redirected, type } = response;
  return withFields(new Response(passed, { status, statusText, headers }), { url, redirected, type });
}

/** Lives as long as anything can still read the body: every stream holds on to its source. */
class PassedBody implements UnderlyingDefaultSource<Uint8Array> {
  readonly #ending: Ending;
  #onChunk: ((chunk: Uint8Array) => void) | undefined;

  constructor(ending: Ending, onChunk: ((chunk: Uint8Array) => void) | undefined) {
    this.#ending = ending;
    this.#onChunk = onChunk;
    dropped?.register(this, ending, this);
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    let read: ReadableStreamReadResult<Uint8Array>;
    try {
      read = await this.#ending.reader.read();
    } catch (error) {
      this.#finish("error");
      throw error;
    }
    // Cancelled while it was waited for: the stream takes nothing more.
    if (this.#ending.isOver) return;
    if (read.done) {
      this.#finish("end");
      controller.close();
      return;
    }
    this.#observe(read.value);
    controller.enqueue(read.value);
  }

  cancel(reason: unknown): Promise<void> {
    this.#finish("cancel");
    return this.#ending.reader.cancel(reason);
  }

  #observe(chunk: Uint8Array): void {
    try {
      this.#onChunk?.(chunk);
    } catch {
      this.#onChunk = undefined;
    }
  }

  #finish(how: HowEnded): void {
    dropped?.unregister(this);
    finish(this.#ending, how);
  }
}
