import type { Provider } from "../provider.ts";

/**
 * https://docs.mistral.ai/api, https://docs.mistral.ai/deployment/ai-studio/tier
 *
 * Counts by the minute of the clock and states no reset and no `Retry-After`. Limits are shown in the console only, for each
 * organization, so there are no tiers here.
 */
export const mistral: Provider = {
  name: "mistral",
  origins: ["https://api.mistral.ai"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.mistral.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  // The longest first: without resets the first that is at zero is the one that counts.
  headers: [
    {
      dimension: "tokens",
      window: "month",
      limit: "x-ratelimit-limit-tokens-month",
      remaining: "x-ratelimit-remaining-tokens-month",
    },
    {
      dimension: "requests",
      window: "minute",
      limit: "x-ratelimit-limit-req-minute",
      remaining: "x-ratelimit-remaining-req-minute",
      scope: "model",
    },
    {
      dimension: "tokens",
      window: "minute",
      limit: "x-ratelimit-limit-tokens-minute",
      remaining: "x-ratelimit-remaining-tokens-minute",
      scope: "model",
    },
    {
      dimension: "tokens",
      window: null,
      limit: "ratelimitbysize-limit",
      remaining: "ratelimitbysize-remaining",
      reset: "ratelimitbysize-reset",
      unit: "seconds",
    },
  ],
  errors: [
    {
      code: ["3505", "service_tier_capacity_exceeded"],
      verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" },
    },
    // No allowance at all: not a matter of time.
    {
      status: 429,
      header: ["x-ratelimit-limit-req-minute", "0"],
      verdict: {
        kind: "quota_exhausted",
        scope: "model",
        sharedBy: "account",
        window: null,
        dimension: "requests",
        ignoresDelay: true,
      },
    },
    {
      status: 429,
      header: ["x-ratelimit-remaining-tokens-month", "0"],
      verdict: { kind: "rate_limit", window: "month", dimension: "tokens", retryable: false },
    },
    { status: 429, verdict: { kind: "rate_limit", reset: "minute" } },
    {
      status: 400,
      code: ["1500", "invalid_model"],
      verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" },
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
  repeatsServerErrors: true,
  errorShape: "openai",
};
