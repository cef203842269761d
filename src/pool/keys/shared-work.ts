import type { Clock } from "../../types.ts";

/** Where work ends with the request that began it, whoever joined it waits so long and begins it anew. Milliseconds. */
const patienceMs = 1000;

/** Work that is done once for all who want it at the same time. */
export class SharedWork<T> {
  readonly #clock: Clock;
  #pending: Promise<T> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(work: () => Promise<T>): Promise<T> {
    const pending = this.#pending;
    if (pending === undefined) return this.#begin(work);
    if (this.#clock.timersEndWithRequest !== true) return pending;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(() => this.#begin(work).then(resolve, reject), patienceMs);
      pending.finally(cancel).then(resolve, reject);
    });
  }

  #begin(work: () => Promise<T>): Promise<T> {
    const begun: Promise<T> = work().finally(() => {
      if (this.#pending === begun) this.#pending = undefined;
    });
    this.#pending = begun;
    return begun;
  }
}
