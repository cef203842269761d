import type { Random } from "../types.ts";
import type { AcquireRequest } from "./rotator-options.ts";

/** Names requests for events, once one of them is to be told: unique over processes, the same in all events of a request. */
export class RequestNames {
  readonly #random: Random;
  readonly #given = new WeakMap<AcquireRequest, string>();
  #session: string | undefined;
  #requests = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  of(request: AcquireRequest): string {
    if (request.requestId !== undefined) return request.requestId;
    // Frozen ones stand for many requests.
    if (Object.isFrozen(request)) return this.#next();
    let name = this.#given.get(request);
    if (name === undefined) {
      name = this.#next();
      this.#given.set(request, name);
    }
    return name;
  }

  #next(): string {
    this.#session ??= this.#random().toString(36).slice(2, 10);
    return `${this.#session}-${++this.#requests}`;
  }
}
