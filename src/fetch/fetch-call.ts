import { Call, type CallOptions } from "../attempt/call.ts";
import { topLevelString } from "../attempt/request-facts.ts";
import { estimateTokens } from "../attempt/token-estimate.ts";
import type { TokenEstimate } from "../core/rotator-options.ts";
import type { RequestShape } from "../providers/provider.ts";
import type { HeadersLike } from "./credentials.ts";
import type { PreparedBody } from "./replayable-body.ts";

const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** A fetch call taken apart. Nothing the caller passed is changed. */
export class FetchCall extends Call {
  readonly url: string;
  readonly origin: string;
  /** Everything the caller set, fields this library does not know included. */
  readonly init: RequestInit | undefined;
  /** The body as it was rebuilt from a stream: how long it is, is the transport's to say. */
  rebuilt: PreparedBody | undefined;

  constructor(url: string, origin: string, init: RequestInit | undefined, options: CallOptions | undefined) {
    super(options);
    this.url = url;
    this.origin = origin;
    this.init = init;
    this.rebuilt = undefined;
  }

  get signal(): AbortSignal | undefined {
    return this.init?.signal ?? undefined;
  }

  get headers(): HeadersLike {
    return this.init?.headers;
  }

  get body(): BodyInit | null | undefined {
    return this.rebuilt === undefined ? this.init?.body : this.rebuilt.body;
  }

  get method(): string {
    return this.init?.method?.toUpperCase() ?? "GET";
  }

  get idempotent(): boolean {
    if (idempotentMethods.has(this.method)) return true;
    return new Headers(this.headers ?? undefined).has("idempotency-key");
  }

  isUnsendable(error: unknown): boolean {
    // A connection that failed says why in its cause.
    if (!(error instanceof TypeError) || error.cause !== undefined) return false;
    try {
      const { method, headers, body } = this;
      new Request(this.url, {
        method,
        ...(headers === undefined ? undefined : { headers: headers as HeadersInit }),
        ...(body === undefined || body === null ? undefined : { body: "any" }),
      });
      return false;
    } catch {
      return true;
    }
  }

  get text(): string | undefined {
    const { body } = this;
    return typeof body === "string" ? body : undefined;
  }

  estimateTokens(): TokenEstimate {
    const { body } = this;
    const known = typeof body === "string" || body instanceof Uint8Array ? body : undefined;
    if (known !== undefined || body === undefined || body === null) return estimateTokens(known, { path: this.url });
    return body instanceof ArrayBuffer ? estimateTokens(new Uint8Array(body), { path: this.url }) : {};
  }

  findModel({ modelField = "model", modelInPath }: RequestShape): string | undefined {
    return (modelInPath && textBetween(this.url, modelInPath)) ?? this.#modelInBody(modelField);
  }

  #modelInBody(field: string): string | undefined {
    const { body } = this;
    if (typeof body === "string") return topLevelString(body, field);
    if (body instanceof Uint8Array) return topLevelString(new TextDecoder().decode(body.subarray(0, 65_536)), field);
    return undefined;
  }
}

/** What stands in a URL's path between two texts. */
function textBetween(url: string, [before, after]: readonly [string, string]): string | undefined {
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  const found = path.indexOf(before);
  if (found === -1) return undefined;
  const start = found + before.length;
  const end = path.indexOf(after, start);
  return end > start ? path.slice(start, end) : undefined;
}

/** What a `Request` holds, as an init; what the caller set beside it wins. */
export function initOfRequest(request: Request, init: RequestInit | undefined): RequestInit {
  const {
    method,
    headers,
    body,
    signal,
    mode,
    credentials,
    cache,
    redirect,
    referrer,
    referrerPolicy,
    integrity,
    keepalive,
  } = request;
  const taken: RequestInit = {
    method,
    headers,
    signal,
    credentials,
    cache,
    redirect,
    referrer,
    referrerPolicy,
    integrity,
    keepalive,
    ...(mode === "navigate" ? undefined : { mode }),
    ...(body === null ? undefined : { body, duplex: "half" }),
  };
  if (init === undefined) return taken;
  const given = Object.entries(init).filter(([, value]) => value !== undefined);
  return { ...taken, ...Object.fromEntries(given) };
}
