import { type Answer, json } from "./answer.ts";

/** How a key that is at its limit is refused. */
export interface Refusal {
  /** Whole seconds; `undefined`: nothing is said. */
  readonly retryAfterSeconds?: number | undefined;
  /** @default 429 */
  readonly status?: number | undefined;
}

/** A 429 in the words and the shape of the API it comes from. */
export function rateLimitAnswer(host: string, { retryAfterSeconds, status = 429 }: Refusal): Answer {
  const headers: Record<string, string> = {};
  // Google says it in the body only.
  if (retryAfterSeconds !== undefined && host !== googleHost) headers["retry-after"] = String(retryAfterSeconds);
  return json(refusalBody(host, retryAfterSeconds), { status, headers });
}

const googleHost = "generativelanguage.googleapis.com";

function refusalBody(host: string, retryAfterSeconds: number | undefined): object {
  const message = "Rate limit exceeded";
  switch (host) {
    case "api.anthropic.com":
      return { type: "error", error: { type: "rate_limit_error", message } };
    case googleHost: {
      const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterSeconds}s` };
      const details = retryAfterSeconds === undefined ? [] : [info];
      return { error: { code: 429, message: "Resource has been exhausted", status: "RESOURCE_EXHAUSTED", details } };
    }
    case "api.mistral.ai":
      return { object: "error", message, type: "rate_limited", param: null, code: "1300" };
    case "api.cohere.com":
    case "api.github.com":
      return { message: "API rate limit exceeded" };
    default:
      return { error: { message, type: "requests", param: null, code: "rate_limit_exceeded" } };
  }
}

export function unknownKeyAnswer(): Answer {
  return json({ error: { message: "Incorrect API key provided", code: "invalid_api_key" } }, { status: 401 });
}

export function unknownPathAnswer(): Answer {
  return json({ error: { message: "Not found" } }, { status: 404 });
}
