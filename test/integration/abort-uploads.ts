import { setTimeout as pause } from "node:timers/promises";
import type { Upload } from "./abort-plans.ts";

/** A body, and what is known of it. */
export interface Body {
  readonly body: BodyInit;
  /** How long it is; `undefined` where whoever sends it decides. */
  readonly bytes: number | undefined;
}

/** Bodies that are read while they are sent, as long as nobody has let go of them. */
export class UploadSources {
  readonly #open = new Set<string>();

  /** Names of the calls whose bodies are neither at their end nor let go of. */
  get open(): readonly string[] {
    return [...this.#open];
  }

  make(name: string, upload: Upload, text: string, onRead: () => void): Body {
    if (upload === "text") return { body: text, bytes: text.length };
    if (upload === "form") {
      const form = new FormData();
      form.append("model", "m");
      form.append("file", new Blob(["x".repeat(500)]), "x.txt");
      return { body: form, bytes: undefined };
    }
    const sizes = upload === "long-stream" ? Array.from({ length: 8 }, () => 20_000) : [300, 200, 100];
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (upload === "stream" || upload === "long-stream") return { body: this.#stream(name, sizes, onRead), bytes };
    return { body: this.#iterable(name, sizes, upload === "hanging-iterable", onRead) as unknown as BodyInit, bytes };
  }

  #stream(name: string, sizes: readonly number[], onRead: () => void): ReadableStream<Uint8Array> {
    let place = 0;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          this.#open.add(name);
          onRead();
          await pause(2);
          const size = sizes[place++];
          if (size === undefined) {
            this.#open.delete(name);
            controller.close();
          } else controller.enqueue(new Uint8Array(size));
        },
        cancel: () => {
          this.#open.delete(name);
        },
      },
      { highWaterMark: 0 },
    );
  }

  #iterable(name: string, sizes: readonly number[], hangs: boolean, onRead: () => void): AsyncIterable<Uint8Array> {
    let place = 0;
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      this.#open.add(name);
      onRead();
      if (hangs && place === 1) await new Promise(() => {});
      await pause(2);
      const size = sizes[place++];
      if (size !== undefined) return { done: false, value: new Uint8Array(size) };
      this.#open.delete(name);
      return { done: true, value: undefined };
    };
    const end = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      this.#open.delete(name);
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  }
}
