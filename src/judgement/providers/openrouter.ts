import type { Provider } from "../provider.ts";

/** Every free model of an account counts here, whichever key asked. */
const freeModels = { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" } as const;
const freeReset = { field: "headers.X-RateLimit-Reset", unit: "epoch-ms" } as const;
const upstream = {
  kind: "rate_limit",
  scope: "provider",
  sharedBy: "provider",
  dimension: null,
  failover: false,
} as const;
const inFlight = { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "concurrency" } as const;
const keyLimit = {
  kind: "quota_exhausted",
  scope: "key",
  sharedBy: "key",
  reset: { field: "resets_at", unit: "instant" },
} as const;

/**
 * Limits of free models and credits belong to the account, so more keys do not raise them; a spending limit may be set on a key.
 *
 * Tiers are as published in October 2026: `free-models` before 10 credits were ever bought, `free-models-high-balance` from then
 * on. They change often, and none is applied unless you name it as `tier`. `/models` is public, `/key` is not.
 *
 * https://openrouter.ai/docs/api-reference/overview
 * https://openrouter.ai/docs/api_reference/limits
 * https://openrouter.ai/docs/api/api-reference/api-keys/get-current-api-key
 * https://openrouter.ai/docs/api-reference/errors
 */
export const openrouter: Provider = {
  name: "openrouter",
  origins: ["https://openrouter.ai"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://openrouter.ai/api/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  // For accounts that use free models only: of those with credits, other models do not count.
  tiers: {
    "free-models": [
      { requests: 20, per: "minute", window: "calendar" },
      { requests: 50, per: "day", window: "calendar" },
    ],
    "free-models-high-balance": [
      { requests: 20, per: "minute", window: "calendar" },
      { requests: 1000, per: "day", window: "calendar" },
    ],
  },
  headers: [
    {
      dimension: "requests",
      window: null,
      limit: "x-ratelimit-limit",
      remaining: "x-ratelimit-remaining",
      reset: "x-ratelimit-reset",
      unit: "epoch-ms",
    },
  ],
  errors: [
    {
      status: 429,
      words: "free-models-per-day",
      verdict: { ...freeModels, window: "day", reset: [freeReset, "day"] },
    },
    {
      status: 429,
      words: "free-models-per-min",
      verdict: { ...freeModels, window: "minute", reset: [freeReset, "minute"] },
    },
    // Somebody behind OpenRouter is at its own limit, which all customers share.
    { status: 429, field: "provider_name", verdict: upstream },
    { status: 429, words: ["provider returned error", "rate-limited upstream"], verdict: upstream },
    // Requests under way hold what is left; it is free again when they end.
    { field: ["limit_source", "openrouter_in_flight_budget"], verdict: inFlight },
    { status: 402, words: "in-flight", verdict: inFlight },
    { field: ["limit_source", "openrouter_key_limit"], verdict: keyLimit },
    { status: [402, 403], words: "key limit exceeded", verdict: keyLimit },
    { status: 403, field: "reasons", verdict: { kind: "content_filter" } },
    { status: 403, field: "patterns", verdict: { kind: "content_filter" } },
    // A privacy setting of the account excludes every host of the model.
    {
      status: 404,
      words: "data policy",
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
  ],
  probe: { method: "GET", path: "/key", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
  },
  stream: {
    preamble: ["response.created", "response.in_progress"],
    terminal: ["[DONE]", "response.completed", "response.failed", "response.incomplete"],
  },
  errorsInside200: true,
  repeatsServerErrors: true,
  errorShape: "openai",
};
