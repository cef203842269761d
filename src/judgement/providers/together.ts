import type { Provider } from "../provider.ts";

/**
 * https://docs.together.ai/docs/serverless/rate-limits, https://docs.together.ai/docs/error-codes
 *
 * Limits follow use and load, so no number of them is known beforehand. The reset stands in every answer and is no limit by
 * itself.
 */
export const together: Provider = {
  name: "together",
  origins: ["https://api.together.ai", "https://api.together.xyz"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.together.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [{ dimension: "requests", window: null, reset: "x-ratelimit-reset", unit: "seconds", scope: "model" }],
  errors: [
    // A request inside its limit that the platform had no room for.
    { status: 503, verdict: { kind: "overloaded" } },
    // Too long is "forbidden" here.
    {
      status: 403,
      words: ["token", "context", "too long", "too large"],
      unless: ["api key", "api token", "access token", "permission", "not authorized"],
      verdict: { kind: "context_length", dimension: "tokens" },
    },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens"],
    output: ["usage.completion_tokens"],
    total: ["usage.total_tokens"],
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  resources: { prefixes: ["file-", "ft-"], made: ["/files", "/fine-tunes"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
