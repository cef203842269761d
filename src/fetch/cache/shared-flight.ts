import type { ReadAhead } from "../bodies/read-ahead.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/** One request that several callers wait for: the first gets its answer as it comes, the others when it is complete. */
export class SharedFlight {
  /** The complete answer; `undefined` when it failed or cannot be shared. Never rejects. */
  readonly answer: Promise<StoredAnswer | undefined>;
  readonly #controller = new AbortController();
  readonly #onSettled: (answer: StoredAnswer | undefined) => void;
  #resolve: ((answer: StoredAnswer | undefined) => void) | undefined;
  #body: ReadAhead | undefined;
  #followers = 0;
  #isFirstGone = false;
  #stopReason: { readonly reason: unknown } | undefined;

  constructor(onSettled: (answer: StoredAnswer | undefined) => void) {
    this.#onSettled = onSettled;
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Aborted when nobody waits any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  settle(answer: StoredAnswer | undefined): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    this.#onSettled(answer);
    resolve(answer);
    if (answer === undefined && this.#isFirstGone && this.#stopReason === undefined) void this.#stop(undefined);
  }

  /** The body has come that the first caller reads. */
  carry(body: ReadAhead): void {
    this.#body = body;
    if (this.#stopReason !== undefined) void body.stop(this.#stopReason.reason);
  }

  join(): void {
    this.#followers++;
  }

  /** A waiting caller gave up. */
  leave(reason: unknown): void {
    if (this.#resolve === undefined) return;
    this.#followers--;
    if (this.#followers === 0 && this.#isFirstGone) void this.#stop(reason);
  }

  /** The caller whose request it is gave up: it goes on as long as others wait. */
  leaveFirst(reason: unknown): Promise<void> | undefined {
    this.#isFirstGone = true;
    return this.#resolve === undefined || this.#followers === 0 ? this.#stop(reason) : undefined;
  }

  #stop(reason: unknown): Promise<void> | undefined {
    this.#stopReason ??= { reason };
    this.settle(undefined);
    if (this.#body !== undefined) return this.#body.stop(reason);
    this.#controller.abort(reason);
    return undefined;
  }
}
