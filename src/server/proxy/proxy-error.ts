import { AllKeysExhaustedError, KeySourceError, KeyStoreError, RotatingFetchError } from "../../errors.ts";
import { isError } from "../../realms.ts";

/** A request that a proxy could not bring to an answer. Frameworks answer with its `status`. */
export class ProxyError extends RotatingFetchError {
  override readonly name = "ProxyError" as const;
  readonly code: string;
  readonly status: number;
  readonly statusCode: number;
  /** When to come back; `null` where nothing is known of that. */
  readonly retryAfterMs: number | null = null;
  /** May the client read the message? */
  readonly expose = true;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.statusCode = status;
    this.code = code;
  }

  static isInstance(error: unknown): error is ProxyError {
    return isError(error) && error.name === "ProxyError" && "status" in error;
  }
}

export function tooLarge(maxBytes: number): ProxyError {
  return new ProxyError(413, "body_too_large", `The request's body is longer than ${maxBytes} bytes.`);
}

/** No `fetch` sends these either: an answer to the first repeats all headers, and the key is one of them. */
const refusedMethods: ReadonlySet<string> = new Set(["TRACE", "TRACK", "CONNECT"]);

/** @throws ProxyError for a method that is not passed on. */
export function expectMethod(method: string): void {
  if (refusedMethods.has(method.toUpperCase())) {
    throw new ProxyError(405, "bad_method", "This proxy does not pass on requests of that method.");
  }
}

/** Headers of the answer to a request that was not brought to one. */
export function headersOfProxyError({ status, retryAfterMs }: ProxyError): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
  if (retryAfterMs !== null) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1000));
  if (status === 401) headers["www-authenticate"] = "Bearer";
  if (status === 405) headers["allow"] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  return headers;
}

/** The answer to a request that was not brought to one, in the shape that clients of models know. */
export function bodyOfProxyError({ code, message }: ProxyError): string {
  return JSON.stringify({ error: { message, type: "proxy_error", param: null, code } });
}

/** What a failed call is to a proxy's client: nothing of the provider's or the pool's own words. */
export function proxyErrorOf(error: unknown): ProxyError {
  if (ProxyError.isInstance(error)) return error;
  const { code } = (error ?? {}) as { code?: unknown };
  if (isLate(error)) {
    return new ProxyError(504, "upstream_timeout", "The provider did not answer in time.", { cause: error });
  }
  if (code === "ERR_ROTATOR_CLOSED") {
    return new ProxyError(503, "closing", "This proxy is closing.", { cause: error });
  }
  if (AllKeysExhaustedError.isInstance(error)) return noKey(error);
  if (KeyStoreError.isInstance(error) || KeySourceError.isInstance(error)) {
    return new ProxyError(503, "keys_unavailable", "The keys of this proxy cannot be read now.", { cause: error });
  }
  if (code === "ERR_INVALID_OPTIONS") {
    return new ProxyError(500, "misconfigured", "This proxy is not set up rightly.", { cause: error });
  }
  // What a connection fails with names its cause.
  if (isTypeError(error) && error.cause === undefined && code === undefined) {
    return new ProxyError(500, "internal", "This proxy failed.", { cause: error });
  }
  return new ProxyError(502, "upstream_unreachable", "The provider could not be reached.", { cause: error });
}

/** One of any realm: its class names it, nobody else did. */
function isTypeError(error: unknown): error is TypeError {
  return isError(error) && error.name === "TypeError" && !Object.hasOwn(error, "name");
}

function noKey(cause: AllKeysExhaustedError): ProxyError {
  const { retryAfterMs } = cause;
  // What models there are is what clients are to know.
  if (cause.status === 404) return new ProxyError(404, "unknown_model", cause.message, { cause });
  const status = cause.status === 429 ? 429 : 503;
  const message = status === 429 ? "All API keys are rate limited." : "No API key can serve this request now.";
  return Object.assign(new ProxyError(status, "no_key", message, { cause }), { retryAfterMs });
}

/** How far back causes are looked at. */
const mostCauses = 4;

/** Did somebody's time run out: ours, or the transport's, which may be told of as a cause only? */
function isLate(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < mostCauses && typeof at === "object" && at !== null; depth++) {
    const { name, code, cause } = at as { name?: unknown; code?: unknown; cause?: unknown };
    if (name === "TimeoutError" || code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_CONNECT_TIMEOUT")
      return true;
    at = cause;
  }
  return false;
}
