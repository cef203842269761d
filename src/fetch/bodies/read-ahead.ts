import { joined } from "./replayable-body.ts";

/** What follows from reading a body ahead. */
export interface ReadAheadOptions {
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Bytes read ahead and kept; 0: none. */
  readonly maxBytes: number;
  /** Told once: the whole body, or `undefined` when it broke, was stopped or grew too long. Not told when nothing is kept. */
  readonly whole: (bytes: Uint8Array<ArrayBuffer> | undefined) => void;
  /** The caller gave the body up. */
  readonly left: (reason: unknown) => Promise<void> | undefined;
}

/**
 * A body for one caller that is also kept. It is read as fast as it comes, up to a cap, so that nobody waits for a caller
 * who reads slowly or not at all; beyond the cap what was kept is let go and the rest passes at the caller's pace.
 */
export class ReadAhead {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ReadAheadOptions;
  #phase: "ahead" | "through" | "ended" | "failed" | "stopped";
  #chunks: Uint8Array[] = [];
  /** How many of them the caller has. */
  #delivered = 0;
  #bytes = 0;
  #error: unknown;
  #gone = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake: (() => void) | undefined;
  readonly #onAbort: () => void;

  constructor(body: ReadableStream<Uint8Array>, options: ReadAheadOptions) {
    this.#reader = body.getReader();
    this.#options = options;
    this.#phase = options.maxBytes > 0 ? "ahead" : "through";
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#leave(reason),
      },
      { highWaterMark: 0 },
    );
    const { signal } = options;
    this.#onAbort = aborting(this);
    if (signal?.aborted) this.abort();
    else signal?.addEventListener("abort", this.#onAbort);
    if (this.#phase === "ahead") void this.#readAhead();
  }

  /** Nobody wants it any more: the connection is freed. */
  stop(reason: unknown): Promise<void> {
    if (this.#phase === "ended" || this.#phase === "failed") return Promise.resolve();
    this.#leaveAhead("stopped");
    // The caller, if any is left, has been told.
    return this.#reader.cancel(reason).catch(() => undefined);
  }

  /** The caller's signal says that it is over. */
  abort(): void {
    const reason: unknown = this.#options.signal?.reason;
    this.#controller?.error(reason);
    void this.#leave(reason);
  }

  #leave(reason: unknown): Promise<void> | undefined {
    this.#gone = true;
    this.#detach();
    return this.#options.left(reason);
  }

  #detach(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  async #readAhead(): Promise<void> {
    try {
      while (this.#phase === "ahead") {
        const { done, value } = await this.#reader.read();
        // Stopped meanwhile: this end is not the body's own.
        if (this.#phase !== "ahead") return;
        if (done) this.#leaveAhead("ended");
        else this.#keep(value);
        this.#wake?.();
      }
    } catch (error) {
      this.#fail(error);
      this.#wake?.();
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    // Not a number: whatever this is, it is no chunk of bytes, and the caller will hear of it.
    if (!(this.#bytes <= this.#options.maxBytes)) this.#leaveAhead("through");
  }

  /** What is kept from here on is only for the caller. */
  #leaveAhead(phase: "through" | "ended" | "failed" | "stopped"): void {
    const wasAhead = this.#phase === "ahead";
    this.#phase = phase;
    if (phase !== "through") this.#detach();
    if (!wasAhead) return;
    const whole = phase === "ended" ? joined(this.#chunks, this.#bytes) : undefined;
    this.#chunks.splice(0, this.#gone ? this.#chunks.length : this.#delivered);
    this.#options.whole(whole);
  }

  #fail(error: unknown): void {
    this.#error = error;
    this.#leaveAhead("failed");
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#phase === "ahead" && this.#delivered === this.#chunks.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#gone) return;
    // A copy while it is kept: whatever the caller does to it must not reach others.
    const kept =
      this.#phase === "ahead" ? new Uint8Array(this.#chunks[this.#delivered++] as Uint8Array) : this.#chunks.shift();
    if (kept !== undefined) controller.enqueue(kept);
    else if (this.#phase === "failed") throw this.#error;
    else if (this.#phase === "through") await this.#pass(controller);
    else controller.close();
  }

  async #pass(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await this.#reader.read();
      if (this.#gone) return;
      if (!done) return controller.enqueue(value);
      this.#leaveAhead("ended");
      controller.close();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }
}

/** A listener that does not hold on to a body which nobody reads: its connection is given back when it is dropped. */
function aborting(body: ReadAhead): () => void {
  return typeof WeakRef === "undefined" ? () => body.abort() : abortingWeakly(new WeakRef(body));
}

function abortingWeakly(held: WeakRef<ReadAhead>): () => void {
  return () => held.deref()?.abort();
}
