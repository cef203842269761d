import type { Provider } from "../provider.ts";

/**
 * https://docs.fireworks.ai/guides/inference-error-codes, https://docs.fireworks.ai/serverless/rate-limits,
 * https://docs.fireworks.ai/guides/quotas_usage/account-quotas
 *
 * Limits adapt to use; the headers state the present ones and no reset. The tiers are what an account may ask for in all, as
 * published in 2026. They may change, and none is applied unless you name it as `tier`.
 */
export const fireworks: Provider = {
  name: "fireworks",
  origins: ["https://api.fireworks.ai"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://api.fireworks.ai/inference/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  tiers: {
    "no-payment-method": [{ requests: 10, per: "minute" }],
    "payment-method": [{ requests: 6000, per: "minute" }],
  },
  headers: [
    {
      dimension: "requests",
      window: "minute",
      limit: "x-ratelimit-limit-requests",
      remaining: "x-ratelimit-remaining-requests",
    },
    {
      dimension: "inputTokens",
      window: "minute",
      limit: "x-ratelimit-limit-tokens-prompt",
      remaining: "x-ratelimit-remaining-tokens-prompt",
    },
    {
      dimension: "outputTokens",
      window: "minute",
      limit: "x-ratelimit-limit-tokens-generated",
      remaining: "x-ratelimit-remaining-tokens-generated",
    },
  ],
  errors: [
    // The same status for an adapter that does not load and for an account that is suspended.
    {
      status: 412,
      words: ["lora", "failed to load"],
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
    { status: 412, verdict: { kind: "quota_exhausted" } },
    { status: 403, words: ["unauthorized", "authenticat"], verdict: { kind: "invalid_key" } },
    { status: 503, verdict: { kind: "overloaded" } },
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
