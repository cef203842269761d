import type { Provider } from "./provider.ts";

/**
 * https://docs.perplexity.ai/docs/admin/rate-limits-usage-tiers
 *
 * A leaky bucket, by account and model. A bad key may be answered with a page of the web server, spent credits with a 401.
 */
export const perplexity: Provider = {
  name: "perplexity",
  origins: ["https://api.perplexity.ai"],
  baseURL: "https://api.perplexity.ai",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    { code: "insufficient_quota", verdict: { kind: "quota_exhausted" } },
    { status: 401, words: ["insufficient_quota", "current quota", "credits"], verdict: { kind: "quota_exhausted" } },
    {
      status: 429,
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
  ],
  probe: {
    method: "POST",
    path: "/chat/completions",
    body: '{"model":"sonar","messages":[{"role":"user","content":"."}],"max_tokens":1}',
    proves: "credential",
  },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens"],
    output: ["usage.completion_tokens"],
    total: ["usage.total_tokens"],
    cumulative: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
