/** Who waits for a signal. One listener for all of them: platforms warn of many on one signal. */
const watches = new WeakMap<AbortSignal, AbortWatch>();

class AbortWatch {
  readonly #signal: AbortSignal;
  readonly #callbacks = new Set<() => void>();
  readonly #tell = (): void => {
    for (const callback of this.#callbacks) callback();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#tell, { once: true });
    watches.set(signal, this);
  }

  add(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => {
      this.#callbacks.delete(callback);
      if (this.#callbacks.size === 0) this.#end();
    };
  }

  /** A signal that somebody listens to is kept alive by some platforms, for ever if it never aborts. */
  #end(): void {
    this.#signal.removeEventListener("abort", this.#tell);
    if (watches.get(this.#signal) === this) watches.delete(this.#signal);
  }
}

/** Calls back when the signal aborts, at once if it has. Returns what ends the watch; the callback must be a new function. */
export function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  return (watches.get(signal) ?? new AbortWatch(signal)).add(callback);
}

/** Signals of other classes, each with one of the platform's that follows it. */
const followers = new WeakMap<AbortSignal, AbortSignal>();

/** Is there none, or one of the platform's own? */
export function isPlatformSignal(signal: unknown): signal is AbortSignal | null | undefined {
  return signal === undefined || signal === null || signal instanceof AbortSignal;
}

/**
 * The platform's signal that aborts with this one. Older classes have neither `reason` nor `throwIfAborted`, and the platform
 * does not hear those of another realm.
 * @throws TypeError when it is no signal.
 */
export function platformSignal(signal: AbortSignal | null | undefined): AbortSignal | undefined {
  if (isPlatformSignal(signal)) return signal ?? undefined;
  const given: Partial<AbortSignal> = signal;
  if (typeof given.aborted !== "boolean" || typeof given.addEventListener !== "function") {
    throw new TypeError("Expected `signal` to be an AbortSignal");
  }
  return followers.get(signal) ?? followed(signal);
}

function followed(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  followers.set(signal, controller.signal);
  // Without a reason the platform gives its own.
  const follow = (): void => controller.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener("abort", follow, { once: true });
  return controller.signal;
}

/**
 * Waits for somebody else's code, which may not know of signals: an abort rejects at once with the signal's own reason.
 * `late` gets what comes after it.
 */
export function untilAborted<T>(
  work: PromiseLike<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const unwatch = whenAborted(signal, () => reject(signal.reason));
    work.then(
      (value) => {
        unwatch();
        if (signal.aborted) late(value);
        resolve(value);
      },
      (error: unknown) => {
        unwatch();
        reject(error);
      },
    );
  });
}

/** Frees the connection of an answer nobody will read. */
export function giveUp(response: Response): void {
  // Not every `fetch` brings the platform's streams.
  const body = response?.body as { cancel?: () => unknown; destroy?: () => unknown } | null | undefined;
  try {
    if (typeof body?.cancel === "function") Promise.resolve(body.cancel()).catch(() => undefined);
    else body?.destroy?.();
  } catch {
    // Somebody reads it after all.
  }
}
