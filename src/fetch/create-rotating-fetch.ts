import type { AttemptLoop } from "../attempt/attempt-loop.ts";
import type { CallOptions } from "../attempt/call.ts";
import type { OnExhausted } from "../attempt/final-answer.ts";
import { CallEnding } from "../attempt/telling/call-ending.ts";
import { ForeignOriginError } from "../errors.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { CallPort, PoolOwner } from "../pool/pool-port.ts";
import { isA } from "../realms.ts";
import { isPlatformSignal, untilAborted } from "./bodies/abort-watch.ts";
import { isSentAsIs, prepareBody } from "./bodies/replayable-body.ts";
import { type CallCache, makeCache, type ResponseCache } from "./call-cache.ts";
import { expectCallOptions } from "./call-options.ts";
import { createCallingLoop } from "./calling-loop.ts";
import { hasCredential } from "./credentials.ts";
import { askForUsage, FetchCall, initOfRequest, withPlatformSignal } from "./fetch-call.ts";
import {
  type MakeRotator,
  type ResolvedCallingOptions,
  type RotatingFetchOptions,
  resolveFetchOptions,
  type SharedRotatorOptions,
} from "./fetch-options.ts";
import { FetchTransport } from "./fetch-transport.ts";

/** A `fetch` that picks a key for every request. */
export type RotatingFetch<Rotator extends PoolOwner = PoolOwner> = typeof globalThis.fetch & {
  /** The pool behind it. */
  readonly rotator: Rotator;
  /** The answers it keeps; there with the option `cache`. */
  readonly cache?: ResponseCache | undefined;
  /** The same fetch with options for every call made through it. */
  with(options: CallOptions): RotatingFetch<Rotator>;
};

/** @throws InvalidOptionsError naming the option that cannot work. */
export function makeRotatingFetch(
  options: RotatingFetchOptions | SharedRotatorOptions,
  makeRotator: MakeRotator,
): RotatingFetch {
  const resolved = resolveFetchOptions(options, makeRotator);
  return fetchWith(new FetchAdapter(resolved), undefined);
}

function fetchWith(adapter: FetchAdapter, callOptions: CallOptions | undefined): RotatingFetch {
  const rotatingFetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    adapter.fetch(input, init, callOptions);
  // Client libraries that find it do not send a probe request to learn the class.
  const Response = globalThis.Response;
  const { preconnect } = globalThis.fetch as { preconnect?: unknown };
  return Object.assign(rotatingFetch, {
    rotator: adapter.rotator,
    Response,
    ...(adapter.cache === undefined ? undefined : { cache: adapter.cache }),
    ...(preconnect === undefined ? undefined : { preconnect }),
    with(added: CallOptions): RotatingFetch {
      expectCallOptions("with", added);
      return fetchWith(adapter, { ...callOptions, ...added });
    },
  }) as RotatingFetch;
}

/** The fetch adapter of the attempt loop: takes a call apart and hands the answer over. */
class FetchAdapter {
  readonly rotator: PoolOwner;
  readonly cache: CallCache | undefined;
  readonly #pool: CallPort;
  readonly #options: ResolvedCallingOptions;
  readonly #loop: AttemptLoop<FetchCall, Response>;
  /** Nothing is kept, and nothing asked for in a call's name. */
  readonly #runsPlainly: boolean;
  #lastUrl: string | undefined = undefined;
  #lastOrigin: string | undefined = undefined;

  constructor(options: ResolvedCallingOptions) {
    const { rotator, pool } = options;
    this.rotator = rotator;
    this.#pool = pool;
    this.#options = options;
    this.#runsPlainly = options.cache === undefined && !options.includeUsage;
    const { fetch, endpoints, idleTimeoutMs } = options;
    const { clock } = pool.options;
    const idle = idleTimeoutMs === undefined ? undefined : { idleTimeoutMs, clock };
    const transport = new FetchTransport({ fetch, endpoints, idle });
    const made = new WeakSet<Response>();
    const { onExhausted } = options;
    const noting = options.cache === undefined ? onExhausted : remembering(onExhausted, made);
    this.#loop = createCallingLoop(options, transport, { onExhausted: noting });
    this.cache = options.cache?.[makeCache]({
      providers: () => pool.providers,
      clock,
      totalTimeoutMs: options.totalTimeoutMs,
      send: (call) => this.#loop.run(call),
      isMade: (response) => made.has(response),
      hit: (call, response) => {
        if (pool.observers.calls !== undefined) new CallEnding(pool, call).cached(response);
      },
      failed: (error) => pool.emit("internal-error", { part: "cache", error }),
    });
  }

  fetch(
    input: string | URL | Request,
    init: RequestInit | undefined,
    callOptions: CallOptions | undefined,
  ): Promise<Response> {
    const signal = init?.signal;
    const body = init?.body;
    const isPlain = typeof input === "string" && (typeof body === "string" || body === undefined || isSentAsIs(body));
    if (!isPlain || (signal !== undefined && signal !== null && !isPlatformSignal(signal))) {
      return this.#takeApart(input, init, callOptions);
    }
    // The usual call: nothing to be read or converted first, and mostly the URL of the last.
    const origin = input === this.#lastUrl ? this.#lastOrigin : this.#originOf(input);
    if (origin === undefined) return this.#foreign(input, init);
    this.#lastUrl = input;
    this.#lastOrigin = origin;
    const call = new FetchCall(input, origin, init, callOptions);
    return this.#runsPlainly ? this.#loop.run(call) : this.#run(call);
  }

  async #takeApart(
    input: string | URL | Request,
    init: RequestInit | undefined,
    callOptions: CallOptions | undefined,
  ): Promise<Response> {
    const isRequest = typeof input === "object" && "method" in input;
    const url = isRequest ? input.url : String(input);
    const origin = this.#originOf(url);
    if (origin === undefined) return this.#foreign(input, init);
    const given = isRequest ? initOfRequest(input, init) : init;
    const call = new FetchCall(url, origin, withPlatformSignal(given), callOptions);
    // A request's signal goes dead on some platforms with the request itself.
    if (isRequest) call.request = input;
    if (!isSentAsIs(call.body)) await this.#keepBody(call);
    return call.replayable ? this.#run(call) : this.#runOnce(call);
  }

  #run(call: FetchCall): Promise<Response> {
    if (this.#options.includeUsage && this.#pool.countsTokens) askForUsage(call, this.#pool.providers);
    return this.cache === undefined ? this.#loop.run(call) : this.cache.run(call);
  }

  /** A call whose body is used up by sending it: transports do not let go of one that they were about to read. */
  async #runOnce(call: FetchCall): Promise<Response> {
    try {
      const response = await this.#run(call);
      letGo(call.body);
      return response;
    } catch (error) {
      call.rebuilt?.abandon?.(error);
      throw error;
    }
  }

  async #keepBody(call: FetchCall): Promise<void> {
    const { signal } = call;
    if (signal?.aborted) throw signal.reason;
    const { maxReplayBytes, fetch } = this.#options;
    const usesPlatform = fetch === undefined || fetch === globalThis.fetch;
    const preparing = prepareBody(call.body as object, { maxReplayBytes, usesPlatform, signal });
    if (preparing === undefined) return;
    const prepared = await (signal === undefined ? preparing : untilAborted(preparing, signal));
    call.rebuilt = prepared;
    call.replayable = prepared.replayable;
    if (prepared.replayable) return;
    call.requestId = this.#pool.nameOf(call);
    this.#pool.emit("body-not-replayable", { requestId: call.requestId, maxReplayBytes });
  }

  /** The allowed origin a URL has; `undefined` for any other, and for URLs that are not http(s). */
  #originOf(url: string): string | undefined {
    try {
      return this.#options.endpoints.of(url);
    } catch {
      // Not absolute: whoever sends knows what to say of it.
      return undefined;
    }
  }

  /**
   * A call no key is meant for: it is made as the caller made it, uncounted. With a credential in a header it would be a leak;
   * a parameter of a URL may mean anything elsewhere.
   */
  #foreign(input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    const isRequest = typeof input === "object" && "method" in input;
    const url = isRequest ? input.url : String(input);
    const headers = init?.headers ?? (isRequest ? input.headers : undefined);
    // Parsed, because it may begin with spaces and still lead there.
    const { protocol, origin } = URL.canParse(url) ? new URL(url) : { protocol: "", origin: "" };
    const isHttp = protocol === "https:" || protocol === "http:";
    const placesOne = ({ credential }: ProviderReading): boolean => hasCredential(headers, credential);
    if (isHttp && !this.#options.passForeign && this.#pool.providers.some(placesOne)) {
      return Promise.reject(new ForeignOriginError(origin, this.#options.endpoints.list));
    }
    const send = (this.#options.fetch ?? globalThis.fetch) as typeof globalThis.fetch;
    return init === undefined ? send(input) : send(input, init);
  }
}

/** Nobody reads a stream that was begun and never sent. */
function letGo(body: unknown): void {
  if (isA(body, "ReadableStream") && !body.locked) body.cancel().catch(() => {});
}

/** The same, with the answers it makes noted: they are not the provider's, whatever their status. */
function remembering(onExhausted: OnExhausted<Response>, made: WeakSet<Response>): OnExhausted<Response> {
  if (typeof onExhausted !== "function") return onExhausted;
  return async (error) => {
    const answer = await onExhausted(error);
    made.add(answer);
    return answer;
  };
}
