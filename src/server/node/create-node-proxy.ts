import { hash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AttemptLoop } from "../../attempt/attempt-loop.ts";
import type { CallOptions } from "../../attempt/call.ts";
import type { OnExhausted } from "../../attempt/final-answer.ts";
import { unexpected } from "../../checks.ts";
import { createCallingLoop } from "../../fetch/calling-loop.ts";
import { askForUsage } from "../../fetch/fetch-call.ts";
import type { MakeRotator } from "../../fetch/fetch-options.ts";
import type { PoolOwner } from "../../pool/pool-port.ts";
import { isError } from "../../realms.ts";
import type { ProxiedCall } from "../proxy/proxied-call.ts";
import { bodyOfProxyError, headersOfProxyError, ProxyError, proxyErrorOf } from "../proxy/proxy-error.ts";
import { ProxyGate } from "../proxy/proxy-gate.ts";
import { goesUpstream, listedIn } from "../proxy/proxy-headers.ts";
import { type ProxyOptions, type ResolvedProxyOptions, resolveProxyOptions } from "../proxy/proxy-options.ts";
import { ClientSignal } from "./client-signal.ts";
import { bodyOf, dropBody, wasReadBefore } from "./incoming-body.ts";
import { answerOf } from "./made-answer.ts";
import type { NodeAnswer } from "./node-answer.ts";
import { NodeCall } from "./node-call.ts";
import { answerWith, hasStatusText } from "./outgoing-answer.ts";
import { type ProxyTransportChoice, resolveTransport } from "./transport-choice.ts";
import { UndiciTransport } from "./undici-transport.ts";

/** What a proxy on node:http needs to know beside. */
export interface NodeProxyingOptions {
  /**
   * What sends: `"undici"` for the package of that name, which is several times as fast as a `fetch`; `"fetch"`; or a dispatcher of
   * undici's, with settings of its own. @default "undici" where that package is installed and no `fetch` is given, else "fetch"
   */
  readonly transport?: ProxyTransportChoice | undefined;
}

export type NodeProxyOptions = ProxyOptions & NodeProxyingOptions;

/** Answers requests of node:http, and of frameworks on top of it, with what a provider answers to one of the pool's keys. */
export interface NodeProxyHandler<Rotator extends PoolOwner = PoolOwner> {
  /** `next` is told of failures, with a `status`; without it they are answered here. */
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  readonly rotator: Rotator;
}

/** @throws InvalidOptionsError naming the option that cannot work. */
export function makeNodeProxy(given: NodeProxyOptions, makeRotator: MakeRotator): NodeProxyHandler {
  if (typeof given !== "object" || given === null) throw unexpected("options", "an object", given);
  const { transport, ...options } = given;
  const proxy = new NodeProxy(resolveProxyOptions(options as ProxyOptions, makeRotator, nodeDigestOf), transport);
  const handle = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void => {
    proxy.handle(request, response).catch((error: unknown) => {
      dropBody(request, response);
      failed(error, response, next);
    });
  };
  return Object.assign(handle, { rotator: proxy.rotator });
}

/** Several times as fast as without the platform. */
function nodeDigestOf(token: string): Uint8Array {
  return Buffer.from(hash("sha256", token, "binary"), "binary");
}

/** Refusals are answers; what fails goes to the framework, where there is one. */
function failed(failure: unknown, response: ServerResponse, next: ((error?: unknown) => void) | undefined): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy(isError(failure) ? failure : undefined);
    return;
  }
  const error = proxyErrorOf(failure);
  // A provider's words may stand here, and may have been what failed.
  if (hasStatusText(response)) response.statusMessage = "";
  if (next !== undefined && error.status >= 500) {
    next(error);
    return;
  }
  const headers = headersOfProxyError(error);
  if (error.status === 413 && hasStatusText(response)) headers["connection"] = "close";
  response.writeHead(error.status, headers).end(bodyOfProxyError(error));
}

/** The adapter of the attempt loop that speaks node:http. */
class NodeProxy {
  readonly rotator: PoolOwner;
  readonly #options: ResolvedProxyOptions;
  readonly #gate: ProxyGate;
  readonly #loop: Promise<AttemptLoop<ProxiedCall, NodeAnswer>>;
  readonly #hasOwnHeaders: boolean;
  #ready: AttemptLoop<ProxiedCall, NodeAnswer> | undefined;
  /** Is the platform handed no signals? That is known when the transport is. */
  #keepsSignals = false;

  constructor(options: ResolvedProxyOptions, choice: ProxyTransportChoice | undefined) {
    const { calling } = options;
    this.rotator = calling.rotator;
    this.#options = options;
    this.#gate = new ProxyGate(options);
    this.#hasOwnHeaders = Object.keys(options.headers).length > 0;
    this.#loop = Promise.resolve(resolveTransport(choice, calling, (url) => this.#gate.mayFollow(url))).then(
      (transport) => {
        const { attemptTimeoutMs, totalTimeoutMs } = calling;
        const isBounded = attemptTimeoutMs !== undefined || totalTimeoutMs !== undefined;
        this.#keepsSignals = transport instanceof UndiciTransport && !isBounded;
        const onExhausted = ofNode(calling.onExhausted);
        this.#ready = createCallingLoop<ProxiedCall, NodeAnswer>(calling, transport, { onExhausted, isDiscreet: true });
        return this.#ready;
      },
    );
    this.#loop.catch(() => {});
  }

  /** @throws ProxyError, and whatever a call rejects with. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", headers, url = "/" } = request;
    const header = (name: string): string | null => {
      const value = headers[name];
      return value === undefined ? null : typeof value === "string" ? value : value.join(", ");
    };
    const entered = this.#gate.enter({ method, url, header });
    const passage = entered instanceof Promise ? await entered : entered;
    // A client that left meanwhile sends no further event.
    if (response.destroyed) return;
    const signal = this.#signalFor(response, passage.options);
    const wasRead = wasReadBefore(request);
    const reading = bodyOf(request, this.#options.maxBodyBytes);
    const body = reading instanceof Promise ? await reading : reading;
    const init = { method, headers: this.#upstreamHeaders(headers, wasRead), signal, body };
    const call = new NodeCall(passage.url, this.#options.target.origin, init, passage.options);
    const { includeUsage, pool } = this.#options.calling;
    if (includeUsage && pool.countsTokens) askForUsage(call, pool.providers);
    try {
      const loop = this.#ready ?? (await this.#loop);
      answerWith(await loop.run(call), call, response);
    } catch (error) {
      // Nobody is there to be told.
      if (!signal.aborted) throw error;
    }
  }

  #upstreamHeaders(headers: IncomingMessage["headers"], wasRead: boolean): Record<string, string> {
    const listed = listedIn(headers.connection);
    const kept: Record<string, string> = {};
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined || !goesUpstream(name) || listed?.has(name) === true) continue;
      kept[name] = typeof value === "string" ? value : value.join(", ");
    }
    // Parsers unpack what they read.
    if (wasRead) delete kept["content-encoding"];
    return this.#hasOwnHeaders ? Object.assign(kept, this.#options.headers) : kept;
  }

  /** Aborts when the client leaves before its answer is complete. */
  #signalFor(response: ServerResponse, options: CallOptions | undefined): AbortSignal {
    const isKept = this.#keepsSignals && options?.deadline === undefined;
    const controller = isKept ? new ClientSignal() : new AbortController();
    // The request's own `close` comes as soon as its body was read.
    response.on("close", () => {
      if (!response.writableEnded) controller.abort(new ProxyError(499, "client_gone", "The client is gone."));
    });
    return controller instanceof ClientSignal ? controller.asSignal : controller.signal;
  }
}

function ofNode(onExhausted: OnExhausted<Response>): OnExhausted<NodeAnswer> {
  if (typeof onExhausted !== "function") return onExhausted;
  return async (error) => answerOf(await onExhausted(error));
}
