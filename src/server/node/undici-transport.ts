import type { ExhaustedAnswer, Reply, Transport } from "../../attempt/call.ts";
import type { Endpoints } from "../../fetch/endpoints.ts";
import { keyedHeaders, keyedUrl, requestFor } from "../../fetch/keyed-request.ts";
import { isRedirect, mostRedirects, nextHop, redirectFailure } from "../../fetch/redirects.ts";
import type { Lease } from "../../pool/lease.ts";
import { isError } from "../../realms.ts";
import type { ProxiedCall } from "../proxy/proxied-call.ts";
import { type BytesTaker, decoded, decoderFor, withDecoder } from "./decoded-body.ts";
import { madeAnswer } from "./made-answer.ts";
import { type NodeAnswer, NodeHeaders } from "./node-answer.ts";
import { NodeReply } from "./node-reply.ts";
import { type BodyControl, UpstreamBody } from "./upstream-body.ts";

/** What is used of undici's dispatch: https://undici.nodejs.org/#/docs/api/Dispatcher?id=dispatcherdispatchoptions-handler */
export interface Dispatching {
  dispatch(
    options: {
      readonly origin: string;
      readonly path: string;
      readonly method: string;
      readonly headers: Record<string, string>;
      readonly body: Uint8Array | string | null;
      readonly bodyTimeout?: number;
    },
    handler: object,
  ): boolean;
}

/** What undici hands to whoever takes an answer. */
interface Controller {
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

export interface UndiciTransportOptions {
  readonly dispatcher: Dispatching;
  readonly endpoints: Endpoints;
  /** Which redirects are followed; others are handed over. */
  readonly mayFollow: (url: string) => boolean;
  /** For keys that are sent through a `fetch` of their own. */
  readonly throughFetch: Transport<ProxiedCall, NodeAnswer>;
  /** Milliseconds; @default undici's own */
  readonly idleTimeoutMs: number | undefined;
}

interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string | null;
}

/** Sends through undici's own interface, which hands answers on without streams in between. */
export class UndiciTransport implements Transport<ProxiedCall, NodeAnswer> {
  readonly #options: UndiciTransportOptions;

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
  }

  send(call: ProxiedCall, lease: Lease, signal: AbortSignal | undefined): Promise<NodeAnswer> {
    if (lease.key.config.route?.fetch !== undefined) return this.#options.throughFetch.send(call, lease, signal);
    call.secrets.add(lease.secret);
    return this.#dispatch(this.#outgoing(call, lease), signal);
  }

  async follow(
    call: ProxiedCall,
    lease: Lease,
    first: NodeAnswer,
    signal: AbortSignal | undefined,
  ): Promise<NodeAnswer> {
    if (lease.key.config.route?.fetch !== undefined)
      return this.#options.throughFetch.follow(call, lease, first, signal);
    let answer = first;
    let outgoing = this.#outgoing(call, lease);
    for (let hops = 0; isRedirect(answer.status); hops++) {
      const hop = nextHop(answer, outgoing.url, outgoing.method);
      // Elsewhere the client goes by itself, and without a key.
      if (hop === undefined || hop.crossesOrigin || !this.#options.mayFollow(hop.url)) break;
      answer.body.cancel();
      if (hops === mostRedirects) throw redirectFailure("redirect count exceeded");
      outgoing = {
        ...outgoing,
        url: hop.url,
        method: hop.method,
        ...(hop.keepsBody ? undefined : withoutBody(outgoing)),
      };
      answer = await this.#dispatch(outgoing, signal);
    }
    return answer;
  }

  open(answer: NodeAnswer): NodeReply {
    return new NodeReply(answer);
  }

  exhausted(_call: ProxiedCall, answer: ExhaustedAnswer, last: Reply<NodeAnswer> | undefined): NodeAnswer {
    return madeAnswer(answer, last);
  }

  #outgoing(call: ProxiedCall, lease: Lease): Outgoing {
    const sent = lease.key.config.models === undefined ? call : requestFor(call, lease);
    return {
      url: keyedUrl(sent, lease, this.#options.endpoints),
      method: call.method,
      headers: keyedHeaders(sent, lease),
      body: (sent.body ?? null) as Uint8Array | string | null,
    };
  }

  #dispatch({ url, method, headers, body }: Outgoing, signal: AbortSignal | undefined): Promise<NodeAnswer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const pathAt = url.indexOf("/", 8);
      // A fragment, which a redirect may have, is not sent.
      const hashAt = url.indexOf("#", pathAt);
      const path = url.slice(pathAt, hashAt === -1 ? undefined : hashAt);
      const exchange = new Exchange(resolve, reject, signal);
      const { dispatcher, idleTimeoutMs } = this.#options;
      const request = { origin: url.slice(0, pathAt), path, method, headers, body };
      dispatcher.dispatch(idleTimeoutMs === undefined ? request : { ...request, bodyTimeout: idleTimeoutMs }, exchange);
    });
  }
}

function withoutBody({ headers }: Outgoing): Pick<Outgoing, "headers" | "body"> {
  const kept = Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith("content-"));
  return { headers: Object.fromEntries(kept), body: null };
}

/** One request on its way, told of by undici. */
class Exchange implements BodyControl {
  readonly #resolve: (answer: NodeAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  #controller: Controller | undefined;
  #body: UpstreamBody | undefined;
  /** Takes the body's bytes as they come. */
  #into: BytesTaker | undefined;
  #isOver = false;

  constructor(
    resolve: (answer: NodeAnswer) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    signal?.addEventListener("abort", this, { once: true });
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // Given up while it waited for a connection: there was nobody to be told until now.
    if (this.#isOver) controller.abort(asError(this.#signal?.reason));
  }

  onResponseStart(
    _controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    if (status < 200) return;
    // What nobody is to read in a refusal has to be found in it.
    const decoder = status < 300 ? undefined : decoderFor(headers["content-encoding"]);
    const isDecoded = decoder !== undefined;
    const body = new UpstreamBody(isDecoded ? withDecoder(decoder, this) : this);
    this.#body = body;
    this.#into = isDecoded ? decoded(decoder, body) : body;
    this.#resolve({
      status,
      statusText: statusText ?? "",
      headers: new NodeHeaders(headers),
      body,
      isDecoded,
    });
  }

  onResponseData(_controller: Controller, chunk: Uint8Array): void {
    this.#into?.push(chunk);
  }

  onResponseEnd(): void {
    this.#end();
    this.#into?.end();
  }

  onResponseError(_controller: Controller | undefined, error: unknown): void {
    this.#end();
    const reason: unknown = this.#signal?.aborted === true ? this.#signal.reason : error;
    if (this.#body === undefined) this.#reject(reason);
    else this.#into?.fail(reason);
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  /** The signal's listener. */
  handleEvent(): void {
    this.cancel(this.#signal?.reason);
  }

  cancel(reason: unknown): void {
    if (this.#isOver) return;
    const error = asError(reason);
    if (this.#controller === undefined) this.onResponseError(undefined, error);
    else this.#controller.abort(error);
  }

  #end(): void {
    this.#isOver = true;
    this.#signal?.removeEventListener("abort", this);
  }
}

function asError(reason: unknown): Error {
  return isError(reason) ? reason : new Error("given up", { cause: reason });
}
