import type { Provider } from "../provider.ts";

/**
 * https://docs.litellm.ai/docs/proxy/virtual_keys, https://docs.litellm.ai/docs/proxy/users
 *
 * Everybody runs one, so the host is yours to give. Limits may be set for a key, and for the user or team it belongs to. The
 * probe's list asks for a key, unless the proxy was set up to ask for none at all.
 */
export const litellmProxy: Provider = {
  name: "litellm-proxy",
  origins: [],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }, { protocol: "gemini" }],
  credential: { header: "authorization", scheme: "Bearer" },
  errors: [
    {
      code: "budget_exceeded",
      words: ["team=", "user=", "organization="],
      verdict: { kind: "quota_exhausted", scope: "account", sharedBy: "account" },
    },
    { code: "budget_exceeded", verdict: { kind: "quota_exhausted", scope: "key", sharedBy: "key" } },
    // All deployments rest, or there never was one: so it is for every key of the proxy.
    {
      words: ["no deployments available", "no healthy deployment"],
      verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" },
    },
    // Said by the API behind the proxy, to whom all keys are one.
    {
      status: 429,
      words: "received model group=",
      verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" },
    },
    {
      words: "rate limit type = key",
      verdict: { kind: "rate_limit", scope: "key", sharedBy: "key", window: "minute", dimension: null },
    },
    {
      words: ["rate limit type = user", "rate limit type = team"],
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: "minute", dimension: null },
    },
    { words: "limit type: tokens", verdict: { kind: "rate_limit", dimension: "tokens" } },
    { words: "limit type: requests", verdict: { kind: "rate_limit", dimension: "requests" } },
    { words: "limit type: max_parallel_requests", verdict: { kind: "rate_limit", dimension: "concurrency" } },
    { code: ["token_not_found_in_db", "expired_key"], verdict: { kind: "invalid_key", isDefinitive: true } },
    {
      code: [
        "key_model_access_denied",
        "user_model_access_denied",
        "team_model_access_denied",
        "org_model_access_denied",
      ],
      verdict: { kind: "forbidden", scope: "model", sharedBy: "key" },
    },
    { code: "no_db_connection", verdict: { kind: "server_error" } },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens|message.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
