import type { CacheOptions, CacheRequest, RotatorEvents } from "../../../src/index.ts";
import { type Answering, type RigOptions, rig } from "../fixture.ts";

export const byBody = ({ url, body }: CacheRequest): string => `${url} ${body}`;

/** The usual rig, with a cache that takes whatever may be cached. */
export function cachingRig(answer: Answering, cache: Partial<CacheOptions> = {}, options: RigOptions = {}) {
  const made = rig(answer, { ...options, cache: { key: byBody, ttlMs: 60_000, ...cache } });
  const { cache: kept } = made.fetch;
  if (kept === undefined) throw new Error("The fetch has no cache.");
  const failures: RotatorEvents["internal-error"][] = [];
  made.rotator.on("internal-error", (event) => failures.push(event));
  return { ...made, cache: kept, failures, flush: () => made.clock.advance(0) };
}

/** Numbers its answers, so that a kept one can be told from a new one. */
export const numbered: Answering = (_sent, number) => Response.json({ number });

/** An answer whose body comes as the test says. */
export function openAnswer(init: ResponseInit = { headers: { "content-type": "application/json" } }) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const given: { reason: unknown }[] = [];
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
    cancel: (reason) => void given.push({ reason }),
  });
  return {
    response: new Response(body, init),
    push: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
    break: (error: unknown) => controller?.error(error),
    /** With which reason the body was given up. */
    cancelled: () => given.map(({ reason }) => reason),
  };
}

/** Has it come to an end, one way or the other? */
export function watched<T>(promise: Promise<T>) {
  const state = { settled: false, promise };
  const settle = (): void => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

export function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}

/** Reads what comes next of a body; `undefined` at its end. */
export function chunksOf({ body }: Response): () => Promise<Uint8Array | undefined> {
  if (body === null) throw new Error("The answer has no body.");
  const reader = body.getReader();
  return async () => (await reader.read()).value;
}

export const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );
