import type { Provider } from "../provider.ts";

/**
 * Key and endpoint are one unit: give each key the `baseURL` of its resource, best `https://<resource>.openai.azure.com/openai/v1`
 * (the probe needs that form). Both keys of a resource share its quota.
 *
 * https://learn.microsoft.com/azure/ai-services/openai/reference
 * https://learn.microsoft.com/azure/ai-services/openai/how-to/quota
 */
export const azureOpenai: Provider = {
  name: "azure-openai",
  origins: [],
  hosts: [".openai.azure.com"],
  protocols: [{ protocol: "openai" }],
  credential: {
    header: "api-key",
    // Tokens of Entra ID: https://learn.microsoft.com/azure/ai-services/openai/reference#authentication
    tokens: [{ prefix: "eyJ", header: "authorization", scheme: "Bearer" }],
  },
  sharedBy: "account",
  perModel: true,
  headers: [
    { dimension: "requests", window: null, remaining: "x-ratelimit-remaining-requests", scope: "model" },
    { dimension: "tokens", window: null, remaining: "x-ratelimit-remaining-tokens", scope: "model" },
  ],
  errors: [
    // Rates are sold as tokens and requests per minute.
    {
      status: 429,
      words: "token rate limit",
      verdict: { kind: "rate_limit", window: "minute", dimension: "tokens" },
    },
    {
      status: 429,
      words: ["call rate limit", "request rate limit"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    // API Management in front of a resource answers a spent quota so.
    { status: 403, words: "token quota", verdict: { kind: "quota_exhausted", dimension: "tokens" } },
    // A Microsoft Entra token that ran out is fetched anew.
    { status: 401, words: "access token", verdict: { kind: "invalid_key", isDefinitive: false } },
    // Deployments belong to a resource, so another key may have it.
    {
      status: 404,
      code: "DeploymentNotFound",
      verdict: { kind: "bad_request", scope: "model", sharedBy: "key", failover: true },
    },
    // One resource that is down or full says nothing of the next: here, and only here, another key may help.
    { status: 503, words: ["overloaded", "high demand", "capacity"], verdict: { kind: "overloaded", failover: true } },
    { status: 503, header: "retry-after", verdict: { kind: "overloaded", failover: true } },
    { status: [500, 502, 503], verdict: { kind: "server_error", failover: true } },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", modelInPath: ["/deployments/", "/"], streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    asked: true,
  },
  stream: {
    preamble: ["response.created", "response.queued", "response.in_progress"],
    terminal: ["[DONE]", "response.completed", "response.failed", "response.incomplete"],
  },
  resources: {
    prefixes: ["file-", "assistant-", "batch_", "resp_", "thread_", "asst_", "vs_", "conv_"],
    made: ["/files", "/batches", "/responses", "/threads", "/assistants", "/vector_stores", "/conversations"],
  },
  repeatsServerErrors: true,
  errorShape: "openai",
};
