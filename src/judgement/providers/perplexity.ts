import type { Provider } from "../provider.ts";

/**
 * https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/overview, https://docs.perplexity.ai/api-reference/models-get,
 * https://docs.perplexity.ai/docs/admin/rate-limits-usage-tiers
 *
 * A leaky bucket. A bad key may be answered with a page of the web server, spent credits with a 401. Chat completions ended on
 * 27 September 2026: the Agent API speaks OpenAI's Responses. `/v1/models` is public.
 *
 * Tiers are those of the Agent API, by what was ever paid, as published in 2026. They may change, and none is applied unless
 * you name it as `tier`.
 */
export const perplexity: Provider = {
  name: "perplexity",
  origins: ["https://api.perplexity.ai"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.perplexity.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  tiers: {
    "tier-0": [
      { requests: 1, per: "second" },
      { requests: 50, per: "minute" },
    ],
    "tier-1": [
      { requests: 3, per: "second" },
      { requests: 150, per: "minute" },
    ],
    "tier-2": [
      { requests: 8, per: "second" },
      { requests: 500, per: "minute" },
    ],
    "tier-3": [
      { requests: 17, per: "second" },
      { requests: 1000, per: "minute" },
    ],
    "tier-4": [
      { requests: 33, per: "second" },
      { requests: 2000, per: "minute" },
    ],
    "tier-5": [
      { requests: 33, per: "second" },
      { requests: 2000, per: "minute" },
    ],
  },
  errors: [
    {
      status: 429,
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
  ],
  probe: { method: "GET", path: "/models", proves: "nothing" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    cumulative: true,
  },
  stream: {
    preamble: ["response.created", "response.queued", "response.in_progress"],
    terminal: ["[DONE]", "response.completed", "response.failed", "response.incomplete"],
  },
  repeatsServerErrors: true,
  errorShape: "openai",
};
