import type { ExhaustedAnswer, Reply, Transport } from "../attempt/call.ts";
import { exhaustedHeaders } from "../attempt/exhausted-answer.ts";
import type { CredentialPlacement } from "../judgement/provider.ts";
import { scrubSecrets } from "../mask.ts";
import type { Lease } from "../pool/lease.ts";
import { isA } from "../realms.ts";
import type { FetchFunction } from "../types.ts";
import { giveUp, untilAborted } from "./bodies/abort-watch.ts";
import type { IdleLimit } from "./bodies/passed-body.ts";
import type { PreparedBody } from "./bodies/prepared-body.ts";
import { withFields } from "./bodies/response-fields.ts";
import {
  goesInQuery,
  headerIn,
  placeCredential,
  placementOf,
  shownUrl,
  withoutCredential,
  withoutSecret,
} from "./credentials.ts";
import { type Endpoints, withParameter } from "./endpoints.ts";
import type { FetchCall } from "./fetch-call.ts";
import { FetchReply } from "./fetch-reply.ts";
import { type KeysRequest, keyedHeaders, keyedUrl, requestFor } from "./keyed-request.ts";
import { type Hop, isRedirect, mostRedirects, nextHop, redirectFailure } from "./redirects.ts";

export interface FetchTransportOptions {
  readonly fetch: FetchFunction | undefined;
  readonly endpoints: Endpoints;
  /** @default a body may be silent for as long as the transport lets it */
  readonly idle?: IdleLimit | undefined;
  /** Which redirects are followed; others are handed over. @default all */
  readonly mayFollow?: ((url: string) => boolean) | undefined;
}

/** Sends through a `fetch`: the one given, or the platform's as it is at the moment of the call. */
export class FetchTransport implements Transport<FetchCall, Response> {
  readonly #options: FetchTransportOptions;

  constructor(options: FetchTransportOptions) {
    this.#options = options;
  }

  /** Not an async function: the usual call must not pay for a promise it does not need. */
  send(call: FetchCall, lease: Lease, signal: AbortSignal | undefined): Promise<Response> {
    const { provider, key } = lease;
    if (
      provider.hasOnePlace &&
      key.config.route === undefined &&
      key.config.models === undefined &&
      !this.#options.endpoints.keys.hasOwnEndpoints
    ) {
      return this.#fetch(call.url, initFor(call, placeCredential(call.headers, lease, provider.credential), signal));
    }
    return this.#sendElsewhere(call, lease, signal);
  }

  /** What a key adds to the URL is nothing the caller's logs should hold. */
  async #sendElsewhere(call: FetchCall, lease: Lease, signal: AbortSignal | undefined): Promise<Response> {
    const own = lease.key.config.route?.fetch;
    const sent = requestFor(call, lease);
    const url = keyedUrl(sent, lease, this.#options.endpoints);
    const init = initFor(sent, keyedHeaders(sent, lease), signal);
    if (url === call.url) return this.#fetch(url, init, own);
    try {
      return renamed(await this.#fetch(url, init, own), url, call.url, lease.secret);
    } catch (error) {
      throw withoutSecret(error, lease.secret);
    }
  }

  /** Redirects are followed by hand: runtimes forward custom credential headers to other origins. */
  async follow(call: FetchCall, lease: Lease, first: Response, signal: AbortSignal | undefined): Promise<Response> {
    const mode = call.init?.redirect ?? "follow";
    if (mode === "manual" || !isRedirect(first.status)) return withoutSecretIn(first, lease);
    try {
      return await this.#follow(call, lease, first, signal);
    } catch (error) {
      throw withoutSecret(error, lease.secret);
    }
  }

  async #follow(call: FetchCall, lease: Lease, first: Response, signal: AbortSignal | undefined): Promise<Response> {
    const placement = placementOf(lease);
    const inQuery = goesInQuery(call.url, call.headers, placement);
    const sent = requestFor(call, lease);
    let response = first;
    let url = keyedUrl(sent, lease, this.#options.endpoints);
    let init = initFor(sent, keyedHeaders(sent, lease), signal);
    let { method } = call;
    // Once it has been away, a chain does not get the key back.
    let isAway = false;
    for (let hops = 0; isRedirect(response.status); hops++) {
      const hop = nextHop(response, url, method);
      if (hop === undefined || !this.#follows(hop)) break;
      giveUp(response);
      if (call.init?.redirect === "error") throw redirectFailure("unexpected redirect");
      if (hops === mostRedirects) throw redirectFailure("redirect count exceeded");
      if (hop.keepsBody && !call.replayable) throw redirectFailure("the body was sent and cannot be sent again");
      isAway ||= hop.crossesOrigin;
      ({ method } = hop);
      init = initAfter(hop, init, sent);
      if (hop.crossesOrigin) init.headers = withoutCredential(init.headers, secretNames(placement, lease));
      url = isAway ? urlWithoutKey(hop.url, lease, placement) : hop.url;
      if (inQuery && !isAway) url = withParameter(url, placement.query as string, lease.secret);
      response = await this.#fetch(url, init, lease.key.config.route?.fetch);
    }
    if (response === first) return first;
    call.isAway = isAway;
    const shown = scrubSecrets(shownUrl(response.url, [lease.provider]), [lease.secret]);
    return withFields(response, { redirected: true, ...(shown === response.url ? undefined : { url: shown }) });
  }

  /** Where not all redirects are followed, none is without the key. */
  #follows({ url, crossesOrigin }: Hop): boolean {
    const { mayFollow } = this.#options;
    return mayFollow === undefined || (!crossesOrigin && mayFollow(url));
  }

  open(answer: Response): FetchReply {
    return new FetchReply(answer, this.#options.idle);
  }

  exhausted(_call: FetchCall, answer: ExhaustedAnswer, last: Reply<Response> | undefined): Response {
    const { status, body } = answer;
    const told = exhaustedHeaders(answer);
    if (last instanceof FetchReply) return last.deliver(undefined, told);
    const headers = new Headers({ "content-type": "application/json" });
    for (const [name, value] of Object.entries(told)) if (value !== null) headers.set(name, value);
    return new Response(body, { status, headers });
  }

  /** Looked up for every call, and called detached: some runtimes refuse fetch as a method. */
  #fetch(url: string, init: RequestInit, own = this.#options.fetch): Promise<Response> {
    const platform = globalThis.fetch as FetchFunction;
    const fetch = own ?? platform;
    // Somebody else's function may answer at once.
    const sent = Promise.resolve(fetch(url, init));
    if (fetch === platform) return sent;
    const { signal } = init;
    // Somebody else's function may not know of signals.
    return signal === undefined || signal === null ? sent : untilAborted(sent, signal, giveUp);
  }
}

function renamed(response: Response, from: string, to: string, secret: string): Response {
  const { url } = response;
  if (url === "" || url === undefined) return response;
  if (url === from || url === asAnswered(from)) return withFields(response, { url: asAnswered(to) });
  // Somebody else's function may have followed a redirect.
  const shown = scrubSecrets(url, [secret]);
  return shown === url ? response : withFields(response, { url: shown });
}

/** Servers repeat the whole URL, and the key may be in it. */
function withoutSecretIn(response: Response, { secret }: Lease): Response {
  const location = response.headers.get("location");
  if (location === null) return response;
  const shown = scrubSecrets(location, [secret]);
  return shown === location ? response : new FetchReply(response).deliver(undefined, { location: shown });
}

/** A URL as responses tell it. */
function asAnswered(url: string): string {
  const answered = new URL(url);
  answered.hash = "";
  return answered.href;
}

function secretNames(placement: CredentialPlacement, { headers }: Lease): readonly (string | undefined)[] {
  return [placement.header, ...Object.keys(headers ?? {})];
}

/** Where a redirect leads, without what it repeats of the key: servers put whole URLs into parameters. */
function urlWithoutKey(url: string, { secret, query: own }: Lease, { query }: CredentialPlacement): string {
  let clean = query === undefined ? url : withParameter(url, query, undefined);
  for (const name in own) {
    if (new URL(clean).searchParams.get(name) === own[name]) clean = withParameter(clean, name, undefined);
  }
  return scrubSecrets(clean, [secret]);
}

const noInit: RequestInit = {};

function initFor(sent: KeysRequest, headers: Record<string, string>, signal: AbortSignal | undefined): RequestInit {
  const given = (sent.init ?? noInit) as Record<string, unknown>;
  // Fields in one order, whatever the caller's: an object of a shape that is known is quicker to make, and to read for `fetch`.
  // To `fetch` a method of `null` is one of that name.
  const init: Record<string, unknown> = {
    method: given["method"] ?? undefined,
    headers,
    body: given["body"],
    redirect: "manual",
    signal: signal ?? given["signal"],
  };
  for (const name in given) if (!(name in init)) init[name] = given[name];
  if (sent.rebuilt !== undefined) putBody(init, headers, sent.rebuilt);
  return init as RequestInit;
}

/** Puts in a body that was made here, and what headers say of it. */
function putBody(init: Record<string, unknown>, headers: Record<string, string>, rebuilt: PreparedBody): void {
  const { body, contentType } = rebuilt.make?.() ?? rebuilt;
  dropHeaders(headers, (name) => name === "content-length");
  if (rebuilt.form !== undefined || contentType?.startsWith("multipart/form-data")) {
    // Without a boundary, or with one that is not this body's.
    dropHeaders(headers, (name, value) => name === "content-type" && /^\s*multipart\/form-data/i.test(value));
  }
  if (contentType !== undefined && headerIn(headers, "content-type") === undefined) {
    headers["content-type"] = contentType;
  }
  init["body"] = body;
  if (isA(body, "ReadableStream")) init["duplex"] = "half";
  else delete init["duplex"];
}

function initAfter(hop: Hop, init: RequestInit, { rebuilt }: KeysRequest): RequestInit {
  const next: RequestInit & { duplex?: unknown } = { ...init };
  if (hop.keepsBody) {
    if (rebuilt?.make === undefined) return next;
    const headers = { ...(init.headers as Record<string, string>) };
    next.headers = headers;
    putBody(next as Record<string, unknown>, headers, rebuilt);
    return next;
  }
  next.method = hop.method;
  delete next.body;
  delete next.duplex;
  const headers = { ...(init.headers as Record<string, string>) };
  dropHeaders(headers, (name) => name.startsWith("content-"));
  next.headers = headers;
  return next;
}

function dropHeaders(headers: Record<string, string>, isDropped: (name: string, value: string) => boolean): void {
  for (const name in headers) if (isDropped(name.toLowerCase(), headers[name] as string)) delete headers[name];
}
