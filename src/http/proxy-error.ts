import { RotatingFetchError } from "../errors.ts";

/** A request that a proxy could not bring to an answer. Frameworks answer with its `status`. */
export class ProxyError extends RotatingFetchError {
  override readonly name = "ProxyError" as const;
  readonly code: string;
  readonly status: number;
  readonly statusCode: number;
  /** May the client read the message? */
  readonly expose = true;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.statusCode = status;
    this.code = code;
  }

  static isInstance(error: unknown): error is ProxyError {
    return error instanceof Error && error.name === "ProxyError" && "status" in error;
  }
}

export function tooLarge(maxBytes: number): ProxyError {
  return new ProxyError(413, "body_too_large", `The request's body is longer than ${maxBytes} bytes.`);
}

/** The answer to a request that was not brought to one, in the shape that clients of models know. */
export function bodyOfProxyError({ code, message }: ProxyError): string {
  return JSON.stringify({ error: { message, type: "proxy_error", param: null, code } });
}

/** What a failed call is to a proxy's client: nothing of the provider's or the pool's own words. */
export function proxyErrorOf(error: unknown): ProxyError {
  if (ProxyError.isInstance(error)) return error;
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  if (name === "TimeoutError") {
    return new ProxyError(504, "upstream_timeout", "The provider did not answer in time.", { cause: error });
  }
  if (code === "ERR_ROTATOR_CLOSED") {
    return new ProxyError(503, "closing", "This proxy is closing.", { cause: error });
  }
  if (code === "ERR_ALL_KEYS_EXHAUSTED") {
    return new ProxyError(503, "no_key", "No API key can serve this request now.", { cause: error });
  }
  return new ProxyError(502, "upstream_unreachable", "The provider could not be reached.", { cause: error });
}
