type Listener = (() => void) | { handleEvent(): void };

/**
 * Tells that a client left. Has of an `AbortSignal` what calls on their way use, for a small part of its price: one is made for
 * every request, and few are ever told anything. The platform takes none of these.
 */
export class ClientSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: Listener[] | undefined = undefined;

  addEventListener(_type: "abort", listener: Listener): void {
    if (this.aborted) return;
    if (this.#listeners === undefined) this.#listeners = [listener];
    else if (!this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    const place = this.#listeners?.indexOf(listener) ?? -1;
    if (place !== -1) this.#listeners?.splice(place, 1);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** Only the first call counts. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    // One of them may take another away.
    for (let listener = this.#listeners?.shift(); listener !== undefined; listener = this.#listeners?.shift()) {
      if (typeof listener === "function") listener();
      else listener.handleEvent();
    }
  }

  /** As the types of calls have it. */
  get asSignal(): AbortSignal {
    return this as unknown as AbortSignal;
  }
}
