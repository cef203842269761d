import { LRUCache } from "lru-cache";
import { unexpected } from "../../checks.ts";
import { isEnding, untilEnded, type WaitBound } from "../../pool/waiting/bounded-wait.ts";
import type { Clock } from "../../types.ts";
import { ReadAhead } from "../bodies/read-ahead.ts";
import { withFields } from "../bodies/response-fields.ts";
import { type CachedFetch, type CacheMaker, type CacheMaking, type CallCache, makeCache } from "../call-cache.ts";
import { FetchCall } from "../fetch-call.ts";
import {
  type CacheOptions,
  type CacheRequest,
  type ResolvedCacheOptions,
  resolveCacheOptions,
} from "./cache-options.ts";
import { cacheRequestOf } from "./cache-request.ts";
import { SharedFlight } from "./shared-flight.ts";
import { mayBeStored, StoredAnswer } from "./stored-answer.ts";

/** What a cache keeps, and of which fetch. */
interface CachingOptions extends ResolvedCacheOptions, CachedFetch {}

/**
 * Gives complete answers again to requests that are the same by a key of yours; the option `cache` of a fetch.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * const fetch = createRotatingFetch({ keys, provider: openai, cache: responseCache({ key: (request) => request.body, ttlMs: 60_000 }) });
 */
export function responseCache(options: CacheOptions): CacheMaker {
  const resolved = resolveCacheOptions(options);
  const making: CacheMaking = { [makeCache]: (fetch) => new CachingSender({ ...resolved, ...fetch }) };
  return making;
}

/** Answers calls from what it kept, lets equal ones share a request, and sends the others on. */
class CachingSender implements CallCache {
  readonly #options: CachingOptions;
  readonly #answers: LRUCache<string, StoredAnswer>;
  readonly #flights = new Map<string, SharedFlight>();
  #hits = 0;
  #misses = 0;

  constructor(options: CachingOptions) {
    const { ttlMs, maxBytes, clock } = options;
    this.#options = options;
    this.#answers = new LRUCache({
      maxSize: Math.min(maxBytes, Number.MAX_SAFE_INTEGER),
      sizeCalculation: ({ size }, key) => size + 2 * key.length,
      // The cache takes time 0 for "never stored".
      perf: { now: () => clock.monotonic() + 1 },
      ttlResolution: 0,
      ...(ttlMs === Number.POSITIVE_INFINITY ? undefined : { ttl: ttlMs }),
    });
  }

  get size(): number {
    this.#answers.purgeStale();
    return this.#answers.size;
  }

  get bytes(): number {
    this.#answers.purgeStale();
    return this.#answers.calculatedSize;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  clear(): void {
    this.#answers.clear();
    // What no longer stands here is not kept.
    this.#flights.clear();
  }

  async run(call: FetchCall): Promise<Response> {
    const { providers, send, clock } = this.#options;
    call.signal?.throwIfAborted();
    const request = cacheRequestOf(call, providers());
    if (request === undefined) return send(call);
    const bound = this.#boundOf(call);
    const key = await this.#keyOf(request, bound);
    if (key === undefined) return send(new BoundCall(call, call.signal, bound, clock));
    const stored = this.#answers.get(key);
    if (stored !== undefined) return this.#hit(stored, call);
    // One that ends with the request it began for is nothing to wait for.
    const flight = this.#options.clock.timersEndWithRequest === true ? undefined : this.#flights.get(key);
    if (flight !== undefined) return this.#follow(flight, call, bound);
    return this.#lead(key, call, bound);
  }

  /** The cache key; `undefined` when there is none, or none could be made. */
  async #keyOf(request: CacheRequest, bound: CallBound): Promise<string | undefined> {
    const { key, clock, failed } = this.#options;
    try {
      const given = key(request);
      const value: unknown = typeof given === "string" ? given : await untilEnded(Promise.resolve(given), bound, clock);
      if (value === undefined || value === "") return undefined;
      if (typeof value !== "string") throw unexpected("cache.key()", "a string, undefined or a promise of one", value);
      return value;
    } catch (error) {
      if (isEnding(error, bound)) throw bound.signal?.aborted ? bound.signal.reason : error;
      failed(error);
      return undefined;
    }
  }

  /** When the call is over, what it waits for here included. */
  #boundOf({ signal, deadline }: FetchCall): CallBound {
    const { clock, totalTimeoutMs = Number.POSITIVE_INFINITY } = this.#options;
    const now = clock.monotonic();
    const leftMs = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - clock.wall();
    const endedBy = leftMs < totalTimeoutMs ? "deadline" : "totalTimeoutMs";
    return { signal, endsAt: now + Math.min(leftMs, totalTimeoutMs), endedBy };
  }

  #hit(answer: StoredAnswer, call: FetchCall): Response {
    this.#hits++;
    const response = answer.respond(call.url, this.#options.clock.monotonic());
    this.#options.hit(call, response);
    return response;
  }

  async #follow(flight: SharedFlight, call: FetchCall, bound: CallBound): Promise<Response> {
    const { send, clock } = this.#options;
    flight.join();
    let answer: StoredAnswer | undefined;
    try {
      answer = await untilEnded(flight.answer, bound, clock);
    } catch (error) {
      flight.leave(error);
      throw error;
    }
    if (answer !== undefined) return this.#hit(answer, call);
    this.#misses++;
    return send(new BoundCall(call, call.signal, bound, clock));
  }

  async #lead(key: string, call: FetchCall, bound: CallBound): Promise<Response> {
    const { send, clock } = this.#options;
    const { signal } = call;
    this.#misses++;
    const flight: SharedFlight = new SharedFlight((answer) => {
      if (this.#flights.get(key) !== flight) return;
      this.#flights.delete(key);
      if (answer !== undefined) this.#answers.set(key, answer);
    });
    this.#flights.set(key, flight);
    // Sent with a signal of its own: its caller may go while others wait.
    const answered = send(new BoundCall(call, flight.signal, bound, clock)).then(
      (response) => this.#share(flight, response, signal),
      (error: unknown) => {
        flight.settle(undefined);
        throw error;
      },
    );
    try {
      return await untilEnded(answered, { signal }, clock);
    } catch (error) {
      void flight.leaveFirst(error);
      throw error;
    }
  }

  /** The answer for the caller whose request it is, whose body is kept for others while it passes. */
  #share(flight: SharedFlight, response: Response, signal: AbortSignal | undefined): Response {
    const { maxEntryBytes, isMade, clock } = this.#options;
    const keeps = !isMade(response) && mayBeStored(response, maxEntryBytes);
    const keep = (bytes: Uint8Array<ArrayBuffer> | undefined): void =>
      flight.settle(bytes === undefined ? undefined : StoredAnswer.of(response, bytes, clock.monotonic()));
    if (!keeps) keep(undefined);
    else if (response.body === null) keep(new Uint8Array());
    // Read at the caller's pace it needs no passing on, unless the caller's signal has to reach it.
    if ((!keeps && signal === undefined) || !canBePassed(response)) return response;
    const { status, statusText, headers, url, redirected, type } = response;
    const body = new ReadAhead(response.body, {
      signal,
      maxBytes: keeps ? maxEntryBytes : 0,
      whole: keep,
      left: (reason) => flight.leaveFirst(reason),
    });
    flight.carry(body);
    return withFields(new Response(body.stream, { status, statusText, headers }), { url, redirected, type });
  }
}

/** Has it a body that a new `Response` can carry? */
function canBePassed(response: Response): response is Response & { body: ReadableStream<Uint8Array> } {
  const { status, body } = response;
  return typeof body?.getReader === "function" && !body.locked && status >= 200 && status < 600;
}

interface CallBound extends WaitBound {
  readonly signal: AbortSignal | undefined;
  readonly endsAt: number;
  readonly endedBy: "totalTimeoutMs" | "deadline";
}

/** A call as it goes on from here: with another signal, and no more time than is left. */
class BoundCall extends FetchCall {
  readonly #deadline: number | undefined;

  constructor(call: FetchCall, signal: AbortSignal | undefined, { endsAt, endedBy }: CallBound, clock: Clock) {
    super(call.url, call.origin, call.init, call.options);
    this.rebuilt = call.rebuilt;
    this.request = call.request;
    this.replayable = call.replayable;
    this.requestId = call.requestId;
    this.model = call.model;
    this.signal = signal;
    this.#deadline = endsAt === Number.POSITIVE_INFINITY ? undefined : clock.wall() + endsAt - clock.monotonic();
    // What is left of the total time is given as a deadline; whoever runs out of it hears of the option that was set.
    Object.defineProperty(this, "endedBy", { get: () => endedBy, set: () => undefined });
  }

  override get deadline(): number | undefined {
    return this.#deadline;
  }
}
