import type { Provider } from "../provider.ts";

/**
 * https://inference-docs.cerebras.ai/support/rate-limits
 *
 * Resets are decimal seconds from now, and stand in successes. Limits differ between models, so there are no tiers here.
 */
export const cerebras: Provider = {
  name: "cerebras",
  origins: ["https://api.cerebras.ai"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.cerebras.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [
    {
      dimension: "requests",
      window: "minute",
      limit: "x-ratelimit-limit-requests-minute",
      remaining: "x-ratelimit-remaining-requests-minute",
      reset: "x-ratelimit-reset-requests-minute",
      unit: "seconds",
    },
    {
      dimension: "requests",
      window: "hour",
      limit: "x-ratelimit-limit-requests-hour",
      remaining: "x-ratelimit-remaining-requests-hour",
      reset: "x-ratelimit-reset-requests-hour",
      unit: "seconds",
    },
    {
      dimension: "requests",
      window: "day",
      limit: "x-ratelimit-limit-requests-day",
      remaining: "x-ratelimit-remaining-requests-day",
      reset: "x-ratelimit-reset-requests-day",
      unit: "seconds",
    },
    {
      dimension: "tokens",
      window: "minute",
      limit: "x-ratelimit-limit-tokens-minute",
      remaining: "x-ratelimit-remaining-tokens-minute",
      reset: "x-ratelimit-reset-tokens-minute",
      unit: "seconds",
    },
    {
      dimension: "tokens",
      window: "hour",
      limit: "x-ratelimit-limit-tokens-hour",
      remaining: "x-ratelimit-remaining-tokens-hour",
      reset: "x-ratelimit-reset-tokens-hour",
      unit: "seconds",
    },
    {
      dimension: "tokens",
      window: "day",
      limit: "x-ratelimit-limit-tokens-day",
      remaining: "x-ratelimit-remaining-tokens-day",
      reset: "x-ratelimit-reset-tokens-day",
      unit: "seconds",
    },
  ],
  errors: [
    { code: "request_quota_exceeded", verdict: { kind: "rate_limit", dimension: "requests" } },
    { code: "token_quota_exceeded", verdict: { kind: "rate_limit", dimension: "tokens" } },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens"],
    output: ["usage.completion_tokens"],
    total: ["usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
