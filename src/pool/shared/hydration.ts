import type { StoreReading } from "../../limits/store.ts";
import type { Clock, ScopeId } from "../../types.ts";

/** So many scopes are read at once: a large pool must not hold up a server that others ask, too. */
const mostScopes = 500;
/** Nobody waits longer for what is read than this, milliseconds. */
const longestHoldMs = 250;

export interface HydrationParts {
  readonly clock: Clock;
  readonly read: (scopes: readonly ScopeId[]) => Promise<StoreReading>;
  readonly onReading: (reading: StoreReading) => void;
  /** All that was asked for has been read, as far as it could be. */
  readonly onEnd: (error: unknown) => void;
}

/** Reads what a store knows of many scopes, in the background and in parts. */
export class Hydration {
  readonly #parts: HydrationParts;
  #wanted: Iterator<ScopeId>[] = [];
  isReading = false;
  /** Resolves with the first part of what is being read, and with all of it, or when it takes too long. */
  first: Promise<void> | undefined;
  all: Promise<void> | undefined;

  constructor(parts: HydrationParts) {
    this.#parts = parts;
  }

  want(scopes: Iterable<ScopeId>): void {
    this.#wanted.push(scopes[Symbol.iterator]());
    if (this.isReading) return;
    this.isReading = true;
    // Where timers end with their request, nobody waits for what another one reads.
    if (this.#parts.clock.timersEndWithRequest === true) void this.#read();
    else this.#hold();
  }

  #hold(): void {
    let firstRead = (): void => {};
    this.first = new Promise((resolve) => {
      firstRead = resolve;
    });
    this.all = new Promise((resolve) => {
      const over = (): void => {
        cancel();
        this.first = undefined;
        this.all = undefined;
        firstRead();
        resolve();
      };
      const cancel = this.#parts.clock.timer(over, longestHoldMs, true);
      void this.#read(firstRead).then(over);
    });
  }

  async #read(partRead = (): void => {}): Promise<void> {
    let failure: unknown;
    try {
      for (let scopes = this.#next(); scopes.length > 0; scopes = this.#next()) {
        this.#parts.onReading(await this.#parts.read(scopes));
        partRead();
      }
    } catch (error) {
      // Refusals teach the rest.
      this.#wanted = [];
      failure = error;
    }
    this.isReading = false;
    this.#parts.onEnd(failure);
  }

  #next(): ScopeId[] {
    const scopes: ScopeId[] = [];
    for (let source = this.#wanted[0]; source !== undefined; source = this.#wanted[0]) {
      while (scopes.length < mostScopes) {
        const { done, value } = source.next();
        if (done === true) break;
        scopes.push(value);
      }
      if (scopes.length === mostScopes) break;
      this.#wanted.shift();
    }
    return scopes;
  }
}
