import type { Provider } from "../provider.ts";

/**
 * https://docs.cohere.com/reference/errors, https://docs.cohere.com/docs/rate-limits,
 * https://docs.cohere.com/docs/compatibility-api (the second origin), https://docs.cohere.com/reference/check-api-key
 *
 * Errors hold a message and nothing else. Counters come with success only. The `trial` tier is the monthly limit all trial
 * keys have, and production keys on some newer models; those by the minute differ between endpoints and models. As published
 * in 2026: it may change, and is not applied unless you name it as `tier`.
 */
export const cohere: Provider = {
  name: "cohere",
  origins: ["https://api.cohere.com", "https://api.cohere.ai"],
  protocols: [{ protocol: "openai", path: "/compatibility/v1" }],
  baseURL: "https://api.cohere.com/v2",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  tiers: { trial: [{ requests: 1000, per: "month" }] },
  headers: [
    {
      dimension: "requests",
      window: null,
      limit: "x-trial-endpoint-call-limit",
      remaining: "x-trial-endpoint-call-remaining",
    },
    { dimension: "requests", window: "month", limit: "x-endpoint-monthly-call-limit" },
  ],
  errors: [
    // Of the probe: it may say no in an answer that says success.
    { embedded: true, field: ["valid", false], verdict: { kind: "invalid_key" } },
    {
      status: 402,
      words: ["maximum billing", "next month"],
      verdict: { kind: "quota_exhausted", window: "month", reset: "month" },
    },
    // The month's trial calls: the words name no day on which they come back.
    {
      status: 429,
      words: ["calls / month", "per month"],
      verdict: { kind: "rate_limit", window: "month", dimension: "requests", retryable: false },
    },
    { status: 400, words: "too many tokens", verdict: { kind: "context_length", dimension: "tokens" } },
  ],
  probe: { method: "POST", path: "https://api.cohere.com/v1/check-api-key", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: [
      "usage.tokens.input_tokens|delta.usage.tokens.input_tokens|meta.billed_units.input_tokens|usage.prompt_tokens",
    ],
    output: ["usage.tokens.output_tokens|delta.usage.tokens.output_tokens|usage.completion_tokens"],
  },
  stream: { preamble: ["message-start", "content-start"], terminal: ["message-end", "[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
