import type { Dimension, LimitPeriod } from "../../../types.ts";
import type { LimitRefusal } from "../../limits/limit-judge.ts";

/** An error body in OpenAI's shape. */
export interface OpenAIErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** Builds an error body in OpenAI's shape. */
export function openaiError(message: string, type: string, code: string | null = null): OpenAIErrorBody {
  return { error: { message, type, param: null, code } };
}

/** The body for a status that a script gave without one. */
export function defaultErrorBody(status: number): OpenAIErrorBody {
  if (status === 401) return openaiError("Incorrect API key provided.", "invalid_request_error", "invalid_api_key");
  if (status === 429)
    return openaiError("Rate limit reached on requests per min (RPM).", "requests", "rate_limit_exceeded");
  if (status === 503) {
    return openaiError(
      "The server is currently overloaded. Please try again later.",
      "server_error",
      "server_is_overloaded",
    );
  }
  if (status >= 500) return openaiError("The server had an error while processing your request.", "server_error");
  return openaiError(`The request was refused with status ${status}.`, "invalid_request_error");
}

/** The body of a refusal by the judge. Without `retryAfterMs` it does not say when to come back. */
export function rateLimitBody(
  { limit, dimension, max, used, requested }: LimitRefusal,
  facts: {
    readonly model: string | undefined;
    readonly account: string | undefined;
    readonly retryAfterMs?: number | undefined;
  },
): OpenAIErrorBody {
  const forModel = facts.model === undefined ? "" : ` for ${facts.model}`;
  const inAccount = facts.account === undefined ? "" : ` in organization ${facts.account}`;
  const counted = dimension === "concurrency" ? "concurrent requests" : periodWords(dimension, limit.per ?? "minute");
  const where = `${forModel}${inAccount} on ${counted}: Limit ${max}`;
  const type = dimension === "requests" || dimension === "concurrency" ? "requests" : "tokens";
  if (requested > max) {
    return openaiError(`Request too large${where}, Requested ${requested}.`, type, "rate_limit_exceeded");
  }
  const hint = facts.retryAfterMs === undefined ? "" : ` Please try again in ${goDuration(facts.retryAfterMs)}.`;
  const message = `Rate limit reached${where}, Used ${used}, Requested ${requested}.${hint}`;
  return openaiError(message, type, "rate_limit_exceeded");
}

const dimensionWords: Record<Exclude<Dimension, "concurrency">, readonly [words: string, letters: string]> = {
  requests: ["requests", "RP"],
  tokens: ["tokens", "TP"],
  inputTokens: ["input tokens", "ITP"],
  outputTokens: ["output tokens", "OTP"],
};

function periodWords(dimension: Exclude<Dimension, "concurrency">, per: LimitPeriod): string {
  const [words, letters] = dimensionWords[dimension];
  if (per === "minute" || per === 60_000) return `${words} per min (${letters}M)`;
  if (per === "day" || per === 86_400_000) return `${words} per day (${letters}D)`;
  return typeof per === "number" ? `${words} per ${per} ms` : `${words} per ${per}`;
}

/** Milliseconds as Go prints a duration: `250ms`, `1.5s`, `2h0m3s`. */
export function goDuration(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1_000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = `${(whole % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
