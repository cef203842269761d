/** What a transport can do with a body that is on its way. */
export interface BodyControl {
  pause(): void;
  resume(): void;
  /** Nobody wants the rest. */
  cancel(reason?: unknown): void;
}

/** Whoever takes a body. */
export interface BodySink {
  data(chunk: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** So much waits here for somebody who takes it before the provider is held back. */
const mostKept = 65_536;

/** The body of an answer on its way: kept while nobody takes it, handed on as it comes when somebody does. */
export class UpstreamBody {
  readonly #control: BodyControl;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #over: { readonly error?: unknown } | undefined;
  #sink: BodySink | undefined;
  #isPaused: boolean;

  /** @param isPaused does it wait to be resumed before anything comes? */
  constructor(control: BodyControl, isPaused = false) {
    this.#control = control;
    this.#isPaused = isPaused;
  }

  // What a transport tells.

  push(chunk: Uint8Array): void {
    // Given up: what was on its way is for nobody.
    if (this.#over !== undefined) return;
    if (this.#sink !== undefined) {
      this.#sink.data(chunk);
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > mostKept) this.pause();
  }

  end(): void {
    this.#over ??= {};
    this.#sink?.end();
  }

  fail(error: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    this.#sink?.fail(error);
  }

  // What whoever takes it asks for.

  /** The whole of it, where that is here already. */
  takeWhole(): readonly Uint8Array[] | undefined {
    return this.#over !== undefined && !("error" in this.#over) ? this.#kept : undefined;
  }

  /** Hands over what was kept, and whatever comes from now on. */
  take(sink: BodySink): void {
    const kept = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#sink = sink;
    for (let place = 0; place < kept.length; place++) {
      // Somebody who has seen enough leaves the rest to whoever takes it next.
      if (this.#sink !== sink) {
        this.#kept.push(...kept.slice(place));
        break;
      }
      sink.data(kept[place] as Uint8Array);
    }
    if (this.#sink !== sink) return;
    if (this.#over === undefined) this.resume();
    else if ("error" in this.#over) sink.fail(this.#over.error);
    else sink.end();
  }

  /** Takes no more for now; `back` comes out again first. */
  leave(back: readonly Uint8Array[]): void {
    this.#sink = undefined;
    this.#kept = [...back, ...this.#kept];
    this.#keptBytes = this.#kept.reduce((sum, { length }) => sum + length, 0);
    if (this.#over === undefined) this.pause();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#control.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#control.resume();
  }

  cancel(reason?: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = {};
    this.#sink = undefined;
    this.#control.cancel(reason);
  }
}
