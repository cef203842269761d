import type { BodyEnd, ExhaustedAnswer, Reply, Transport } from "../attempt/call.ts";
import type { Lease } from "../core/lease.ts";
import type { CredentialPlacement } from "../providers/provider.ts";
import { placeCredential, withoutCredential } from "./credentials.ts";
import { urlFor } from "./endpoints.ts";
import type { FetchCall } from "./fetch-call.ts";
import type { FetchFunction } from "./fetch-options.ts";
import { FetchReply } from "./fetch-reply.ts";
import { observeEnd } from "./observed-body.ts";
import { isRedirect, mostRedirects, nextHop, redirectFailure } from "./redirects.ts";
import { withFields } from "./response-fields.ts";

export interface FetchTransportOptions {
  readonly fetch: FetchFunction | undefined;
  readonly placement: CredentialPlacement;
  readonly baseURL: URL | undefined;
}

/** Sends through a `fetch`: the one given, or the platform's as it is at the moment of the call. */
export class FetchTransport implements Transport<FetchCall, Response> {
  readonly #options: FetchTransportOptions;

  constructor(options: FetchTransportOptions) {
    this.#options = options;
  }

  /** Not an async function: the usual call must not pay for a promise it does not need. */
  send(call: FetchCall, lease: Lease, signal: AbortSignal | undefined): Promise<Response> {
    const url = urlFor(call.url, lease, this.#options.baseURL);
    const headers = placeCredential(call.headers, lease, this.#options.placement);
    if (call.rebuilt !== undefined) dropContentLength(headers);
    const sent = this.#fetch()(url, initFor(call, headers, signal));
    // What a key adds to the URL is nothing the caller's logs should hold.
    return url === call.url ? sent : sent.then((response) => renamed(response, url, call.url));
  }

  /** Redirects are followed by hand: runtimes forward custom credential headers to other origins. */
  async follow(call: FetchCall, lease: Lease, first: Response, signal: AbortSignal | undefined): Promise<Response> {
    const mode = call.init?.redirect ?? "follow";
    if (mode === "manual" || !isRedirect(first.status)) return first;
    let response = first;
    let url = urlFor(call.url, lease, this.#options.baseURL);
    let init = initFor(call, placeCredential(call.headers, lease, this.#options.placement), signal);
    const secretNames = [this.#options.placement.header, ...Object.keys(lease.headers ?? {})];
    for (let hops = 0; isRedirect(response.status); hops++) {
      const hop = nextHop(response, url, init.method ?? "GET");
      if (hop === undefined) break;
      await response.body?.cancel();
      if (mode === "error") throw redirectFailure("unexpected redirect");
      if (hops === mostRedirects) throw redirectFailure("redirect count exceeded");
      if (hop.keepsBody && !call.replayable) throw redirectFailure("the body was sent and cannot be sent again");
      init = initAfter(hop, init, secretNames);
      url = hop.url;
      response = await this.#fetch()(url, init);
    }
    return response === first ? first : withFields(response, { redirected: true });
  }

  open(answer: Response): FetchReply {
    return new FetchReply(answer);
  }

  observe(
    answer: Response,
    ended: (how: BodyEnd) => void,
    onChunk: ((chunk: Uint8Array) => void) | undefined,
  ): Response {
    return observeEnd(answer, ended, onChunk);
  }

  exhausted(_call: FetchCall, answer: ExhaustedAnswer, last: Reply<Response> | undefined): Response {
    const { status, retryAfterMs, body } = answer;
    const told: Record<string, string | null> = {
      "retry-after": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs / 1000)),
      "retry-after-ms": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs)),
      // SDKs that obey it make one call instead of three, and do not sleep an hour-long Retry-After.
      "x-should-retry": "false",
      "x-rotating-fetch": "exhausted",
    };
    if (last instanceof FetchReply) return last.deliverWith(told);
    const headers = new Headers({ "content-type": "application/json" });
    for (const [name, value] of Object.entries(told)) if (value !== null) headers.set(name, value);
    return new Response(body, { status, headers });
  }

  /** Looked up for every call, and called detached: some runtimes refuse fetch as a method. */
  #fetch(): FetchFunction {
    return this.#options.fetch ?? (globalThis.fetch as FetchFunction);
  }
}

function renamed(response: Response, from: string, to: string): Response {
  return response.url === from ? withFields(response, { url: to }) : response;
}

function initFor(call: FetchCall, headers: Record<string, string>, signal: AbortSignal | undefined): RequestInit {
  const init: Record<string, unknown> = {};
  const given = call.init as Record<string, unknown> | undefined;
  for (const name in given) init[name] = given[name];
  init["headers"] = headers;
  init["redirect"] = "manual";
  if (signal !== undefined) init["signal"] = signal;
  if (call.rebuilt !== undefined) {
    init["body"] = call.body;
    if (call.replayable) delete init["duplex"];
    else init["duplex"] = "half";
  }
  return init as RequestInit;
}

function initAfter(
  hop: { method: string; keepsBody: boolean; crossesOrigin: boolean },
  init: RequestInit,
  secretNames: readonly string[],
): RequestInit {
  const next: RequestInit = { ...init, method: hop.method };
  if (hop.crossesOrigin) next.headers = withoutCredential(init.headers, secretNames);
  if (hop.keepsBody) return next;
  delete next.body;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(next.headers as Record<string, string>)) {
    if (!name.toLowerCase().startsWith("content-")) headers[name] = value;
  }
  next.headers = headers;
  return next;
}

function dropContentLength(headers: Record<string, string>): void {
  for (const name in headers) if (name.toLowerCase() === "content-length") delete headers[name];
}
