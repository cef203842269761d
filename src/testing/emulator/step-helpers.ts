import { duration, headerRecord, integer, optional, shaped, text } from "../checks.ts";
import { openaiError } from "./answers/openai-errors.ts";
import type { Step, StepFunction } from "./step.ts";

/** Settings of {@link rateLimited}. */
export interface RateLimitedOptions {
  /** Sent as `retry-after`, seconds. @default not sent */
  readonly retryAfterSeconds?: number | undefined;
  /** Sent as `retry-after-ms`, milliseconds. @default not sent */
  readonly retryAfterMs?: number | undefined;
  /** @default OpenAI's `Rate limit reached` */
  readonly message?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const checkRateLimited = shaped<RateLimitedOptions>({
  retryAfterSeconds: optional(duration),
  retryAfterMs: optional(duration),
  message: optional(text),
  headers: optional(headerRecord),
});

/** 429: too many requests. */
export function rateLimited(options: RateLimitedOptions = {}): Step {
  checkRateLimited("options", options);
  const { retryAfterSeconds, retryAfterMs } = options;
  const headers = {
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
    ...(retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) }),
    ...options.headers,
  };
  const message = options.message ?? "Rate limit reached on requests per min (RPM).";
  return { status: 429, headers, body: openaiError(message, "requests", "rate_limit_exceeded") };
}

/** 429 as OpenAI answers when the account has no money left: waiting does not help. */
export function insufficientQuota(): Step {
  const message = "You exceeded your current quota, please check your plan and billing details.";
  return { status: 429, body: openaiError(message, "insufficient_quota", "insufficient_quota") };
}

/** 401: the provider does not accept the credential. */
export function unauthorized(): Step {
  return { status: 401, body: openaiError("Incorrect API key provided.", "invalid_request_error", "invalid_api_key") };
}

/** 403: the credential is good, but may not do this. */
export function forbidden(): Step {
  const message = "You do not have access to this resource.";
  return { status: 403, body: openaiError(message, "invalid_request_error", "permission_denied") };
}

/** 400: the request itself is wrong, whichever key it carries. */
export function badRequest(message = "Invalid value for 'messages'."): Step {
  return { status: 400, body: openaiError(message, "invalid_request_error", "invalid_value") };
}

/** The provider failed. @default status 500 */
export function serverError(status = 500): Step {
  integer(500, 599)("status", status);
  return { status };
}

/** The connection ends without an answer. */
export function connectionLost(): Step {
  return { cut: "before-headers" };
}

/** A script that answers with `step` for `ms` milliseconds from the key's first request on, then normally. */
export function limitedFor(ms: number, step: Step = rateLimited()): StepFunction {
  duration("ms", ms);
  return (_request, _arrivalNumber, elapsedMs) => (elapsedMs < ms ? step : undefined);
}
