import type { Provider } from "../provider.ts";

const month = { window: "month", reset: "month" } as const;
/** What a subscription's windows end: everything of the account, when they say, not when `retry-after` does. */
const window = { kind: "rate_limit", scope: "account", sharedBy: "account", resetWins: true } as const;
const windowReset = { header: "anthropic-ratelimit-unified-reset", unit: "epoch-seconds" } as const;

/**
 * Quotas belong to an organization and count for each model class apart, refilled all the time; spend is capped for the UTC month.
 *
 * https://platform.claude.com/docs/en/api/overview
 * https://platform.claude.com/docs/en/api/rate-limits
 * https://platform.claude.com/docs/en/api/errors
 */
export const anthropic: Provider = {
  name: "anthropic",
  origins: ["https://api.anthropic.com"],
  protocols: [{ protocol: "anthropic" }],
  baseURL: "https://api.anthropic.com/v1",
  credential: {
    header: "x-api-key",
    // Tokens of subscriptions are taken as Bearer only, with a beta of their own; keys as `x-api-key` only.
    tokens: [
      {
        prefix: "sk-ant-oat",
        header: "authorization",
        scheme: "Bearer",
        headers: { "anthropic-beta": "oauth-2025-04-20" },
      },
      { prefix: "sk-ant-", header: "x-api-key" },
    ],
  },
  sharedBy: "account",
  perModel: true,
  headers: [
    {
      dimension: "requests",
      window: "minute",
      limit: "anthropic-ratelimit-requests-limit",
      remaining: "anthropic-ratelimit-requests-remaining",
      reset: "anthropic-ratelimit-requests-reset",
      unit: "instant",
      scope: "model",
    },
    {
      dimension: "inputTokens",
      window: "minute",
      limit: "anthropic-ratelimit-input-tokens-limit",
      remaining: "anthropic-ratelimit-input-tokens-remaining",
      reset: "anthropic-ratelimit-input-tokens-reset",
      unit: "instant",
      scope: "model",
    },
    {
      dimension: "outputTokens",
      window: "minute",
      limit: "anthropic-ratelimit-output-tokens-limit",
      remaining: "anthropic-ratelimit-output-tokens-remaining",
      reset: "anthropic-ratelimit-output-tokens-reset",
      unit: "instant",
      scope: "model",
    },
    // The most restrictive of the token limits, whose window is not said.
    {
      dimension: "tokens",
      window: null,
      limit: "anthropic-ratelimit-tokens-limit",
      remaining: "anthropic-ratelimit-tokens-remaining",
      reset: "anthropic-ratelimit-tokens-reset",
      unit: "instant",
      scope: "model",
    },
  ],
  errors: [
    { status: 429, code: "enforced_spend_limit_reached", verdict: { kind: "quota_exhausted", ...month } },
    { status: [400, 429], words: "api usage limits", verdict: { kind: "quota_exhausted", ...month } },
    {
      status: 429,
      header: ["anthropic-ratelimit-unified-7d-status", "rejected"],
      verdict: {
        ...window,
        window: "day",
        reset: [{ header: "anthropic-ratelimit-unified-7d-reset", unit: "epoch-seconds" }, windowReset],
      },
    },
    {
      status: 429,
      header: ["anthropic-ratelimit-unified-5h-status", "rejected"],
      verdict: {
        ...window,
        window: "hour",
        reset: [{ header: "anthropic-ratelimit-unified-5h-reset", unit: "epoch-seconds" }, windowReset],
      },
    },
    {
      status: 429,
      header: ["anthropic-ratelimit-unified-status", "rejected"],
      verdict: { ...window, reset: windowReset },
    },
    // A subscription's token that ran out is fetched anew.
    { status: 401, words: "oauth", verdict: { kind: "invalid_key", isDefinitive: false } },
    { status: 403, code: "permission_error", verdict: { kind: "forbidden", scope: "model" } },
  ],
  // The API refuses requests without a version: https://platform.claude.com/docs/en/api/versioning
  probe: {
    method: "GET",
    path: "/models",
    headers: { "anthropic-version": "2023-06-01" },
    proves: "credential",
  },
  request: { modelField: "model", streamField: "stream" },
  // What is read from a cache counts towards no limit, what is written to one does.
  usage: {
    input: [
      "usage.input_tokens|message.usage.input_tokens",
      "usage.cache_creation_input_tokens|message.usage.cache_creation_input_tokens",
    ],
    output: ["usage.output_tokens"],
    cumulative: true,
  },
  stream: { preamble: ["message_start", "ping"], terminal: ["message_stop"] },
  resources: {
    prefixes: ["file_", "msgbatch_", "container_", "skill_"],
    made: ["/files", "/messages/batches", "/skills"],
  },
  repeatsServerErrors: true,
  errorShape: "anthropic",
};
