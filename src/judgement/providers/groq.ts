import type { Provider } from "../provider.ts";

/**
 * https://console.groq.com/docs/rate-limits, https://console.groq.com/docs/errors
 *
 * Of its limits only requests a day and tokens a minute have headers; requests a minute and tokens a day are named in the
 * body alone. A request larger than its limit is refused with 413 and a wait that does not help.
 * All of them differ between models, so there are no tiers here.
 */
export const groq: Provider = {
  name: "groq",
  origins: ["https://api.groq.com"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.groq.com/openai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [
    {
      dimension: "requests",
      window: "day",
      limit: "x-ratelimit-limit-requests",
      remaining: "x-ratelimit-remaining-requests",
      reset: "x-ratelimit-reset-requests",
      unit: "duration",
      scope: "model",
    },
    {
      dimension: "tokens",
      window: "minute",
      limit: "x-ratelimit-limit-tokens",
      remaining: "x-ratelimit-remaining-tokens",
      reset: "x-ratelimit-reset-tokens",
      unit: "duration",
      scope: "model",
    },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  // A stream states the same totals twice when it is asked for them.
  usage: {
    input: ["usage.prompt_tokens|x_groq.usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|x_groq.usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|x_groq.usage.total_tokens|response.usage.total_tokens"],
    cumulative: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  resources: { prefixes: ["file_", "batch_"], made: ["/files", "/batches"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
