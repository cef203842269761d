import type { AttemptLoop } from "../../attempt/attempt-loop.ts";
import { platformSignal } from "../../fetch/bodies/abort-watch.ts";
import { createCallingLoop } from "../../fetch/calling-loop.ts";
import { askForUsage } from "../../fetch/fetch-call.ts";
import type { MakeRotator } from "../../fetch/fetch-options.ts";
import { asStatusText } from "../../fetch/fetch-reply.ts";
import { scrubSecrets } from "../../mask.ts";
import type { PoolOwner } from "../../pool/pool-port.ts";
import { readBounded } from "../bounded-body.ts";
import { ProxiedCall, ProxyTransport } from "./proxied-call.ts";
import { bodyOfProxyError, headersOfProxyError, ProxyError, proxyErrorOf, tooLarge } from "./proxy-error.ts";
import { ProxyGate } from "./proxy-gate.ts";
import { goesBack, goesUpstream, hasNoBody, lengthWithoutBody, listedIn, unbuffered } from "./proxy-headers.ts";
import { type ProxyOptions, type ResolvedProxyOptions, resolveProxyOptions } from "./proxy-options.ts";
import { SecretScrubber } from "./secret-scrubber.ts";

/** Answers requests with what a provider answers to one of the pool's keys. */
export interface ProxyHandler<Rotator extends PoolOwner = PoolOwner> {
  (request: Request): Promise<Response>;
  /** The pool behind it. */
  readonly rotator: Rotator;
}

/** @throws InvalidOptionsError naming the option that cannot work. */
export function makeProxyHandler(options: ProxyOptions, makeRotator: MakeRotator): ProxyHandler {
  const proxy = new WebProxy(resolveProxyOptions(options, makeRotator));
  const handle = async (request: Request): Promise<Response> => {
    try {
      return await proxy.handle(request);
    } catch (error) {
      return failedAnswer(error);
    }
  };
  return Object.assign(handle, { rotator: proxy.rotator });
}

/** What a request that failed is answered with. */
export function failedAnswer(failed: unknown): Response {
  const error = proxyErrorOf(failed);
  return new Response(bodyOfProxyError(error), { status: error.status, headers: headersOfProxyError(error) });
}

/** How long a request's body may take to come, milliseconds: as long as Node lets a whole request take. */
const longestUploadMs = 300_000;

/** The adapter of the attempt loop that speaks `Request` and `Response`. Throws what it cannot answer. */
export class WebProxy {
  readonly rotator: PoolOwner;
  readonly #options: ResolvedProxyOptions;
  readonly #gate: ProxyGate;
  readonly #loop: AttemptLoop<ProxiedCall, Response>;

  constructor(options: ResolvedProxyOptions) {
    const { calling } = options;
    const { rotator, pool, fetch, endpoints, idleTimeoutMs, onExhausted } = calling;
    const { clock } = pool.options;
    this.rotator = rotator;
    this.#options = options;
    this.#gate = new ProxyGate(options);
    const idle = idleTimeoutMs === undefined ? undefined : { idleTimeoutMs, clock };
    const transport = new ProxyTransport({
      fetch,
      endpoints,
      idle,
      mayFollow: (url) => this.#gate.mayFollow(url),
    });
    this.#loop = createCallingLoop<ProxiedCall, Response>(calling, transport, { onExhausted, isDiscreet: true });
  }

  /** @throws ProxyError, and whatever a call rejects with. */
  async handle(request: Request): Promise<Response> {
    const { method, headers } = request;
    const signal = platformSignal(request.signal);
    const url = pathOf(request.url);
    const passage = await this.#gate.enter({ method, url, header: (name) => headers.get(name) });
    const body = await this.#bodyOf(request);
    const init = { method, headers: this.#upstreamHeaders(headers), ...(signal && { signal }), ...(body && { body }) };
    const call = new ProxiedCall(passage.url, this.#options.target.origin, init, passage.options);
    const { includeUsage, pool } = this.#options.calling;
    if (includeUsage && pool.countsTokens) askForUsage(call, pool.providers);
    return answerFor(call, await this.#loop.run(call));
  }

  #upstreamHeaders(headers: Headers): Record<string, string> {
    const listed = listedIn(headers.get("connection"));
    const kept: Record<string, string> = {};
    for (const [name, value] of headers) if (goesUpstream(name) && listed?.has(name) !== true) kept[name] = value;
    return Object.assign(kept, this.#options.headers);
  }

  async #bodyOf(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (request.body === null || request.method === "GET" || request.method === "HEAD") return undefined;
    const { maxBodyBytes: maxBytes } = this.#options;
    const bounds = { maxBytes, maxMs: longestUploadMs, clock: this.#options.calling.pool.options.clock };
    const read = await readBounded(request, bounds);
    if (read === "too_large") throw tooLarge(maxBytes);
    if (read === "too_slow") throw new ProxyError(408, "slow_body", "The request's body did not come in time.");
    if (read === "broken") throw new ProxyError(400, "broken_body", "The request's body broke off.");
    return read.length === 0 ? undefined : (read as Uint8Array<ArrayBuffer>);
  }
}

/** Path and query as they stand in the URL of a request, which every platform writes out whole. */
function pathOf(url: string): string {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
}

/** The provider's answer without what is not for the client. */
function answerFor({ method, secrets }: ProxiedCall, answer: Response): Response {
  const { status, body } = answer;
  if (status < 200 || status > 599) {
    giveUp(body);
    throw new ProxyError(502, "bad_upstream", `The provider answered with status ${status}.`);
  }
  const used = [...secrets];
  const headers = headersFor(answer, used);
  const statusText = asStatusText(scrubSecrets(answer.statusText, used));
  if (body === null || hasNoBody(method, status)) {
    giveUp(body);
    const length = lengthWithoutBody(method, status, headers.get("content-length") ?? undefined);
    if (length === undefined) headers.delete("content-length");
    else headers.set("content-length", length);
    return new Response(null, { status, statusText, headers });
  }
  if (status < 300) return new Response(body, { status, statusText, headers });
  headers.delete("content-length");
  return new Response(body.pipeThrough(scrubbing(secrets)), { status, statusText, headers });
}

function giveUp(body: ReadableStream | null): void {
  body?.cancel().catch(() => {});
}

function headersFor({ headers: given }: Response, secrets: readonly string[]): Headers {
  const headers = new Headers();
  const listed = listedIn(given.get("connection"));
  // A body that was encoded has been decoded on its way.
  const isDecoded = given.has("content-encoding");
  for (const [name, value] of given) {
    if (!goesBack(name) || listed?.has(name)) continue;
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    headers.append(name, scrubSecrets(value, secrets));
  }
  if (headers.get("content-type")?.startsWith("text/event-stream")) {
    for (const [name, value] of Object.entries(unbuffered)) headers.set(name, value);
  }
  return headers;
}

function scrubbing(secrets: Iterable<string>): TransformStream<Uint8Array, Uint8Array> {
  const scrubber = new SecretScrubber(secrets);
  type Out = TransformStreamDefaultController<Uint8Array>;
  // To some servers a piece of nothing is the end.
  const pass = (clean: Uint8Array, controller: Out): void => {
    if (clean.length > 0) controller.enqueue(clean);
  };
  return new TransformStream({
    transform: (chunk, controller) => pass(scrubber.push(chunk), controller),
    flush: (controller) => pass(scrubber.end(), controller),
  });
}
