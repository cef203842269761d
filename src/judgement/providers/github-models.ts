import type { Provider } from "../provider.ts";

/**
 * https://docs.github.com/github-models/use-github-models/prototyping-with-ai-models#rate-limits
 *
 * Retired for everybody on 30 July 2026, says https://github.com/orgs/community/discussions/203602: kept for what still
 * answers in its ways.
 *
 * `x-ratelimit-type` names who is counted, by what and over which time: `UserByModelByDay`. The catalogue is public.
 */
export const githubModels: Provider = {
  name: "github-models",
  origins: ["https://models.github.ai"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://models.github.ai/inference",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [{ dimension: "requests", window: null, reset: "x-ratelimit-timeremaining", unit: "seconds" }],
  errors: [
    // The next request may go when another has ended.
    {
      status: 429,
      words: "userconcurrentrequests",
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: null, dimension: "concurrency" },
    },
    {
      status: 429,
      header: ["x-ratelimit-type", "UserConcurrentRequests"],
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: null, dimension: "concurrency" },
    },
    {
      status: 429,
      header: ["x-ratelimit-type", "UserByModelByDay"],
      verdict: { kind: "rate_limit", window: "day", dimension: "requests" },
    },
    {
      status: 429,
      header: ["x-ratelimit-type", "UserByModelByMinute"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    // Names without a model count all models together.
    {
      status: 429,
      words: ["for userbyminute", "for userbyday"],
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" },
    },
    { status: 429, code: "RateLimitReached", unless: "token", verdict: { kind: "rate_limit", dimension: "requests" } },
    { code: "tokens_limit_reached", verdict: { kind: "context_length", dimension: "tokens" } },
  ],
  probe: { method: "GET", path: "https://models.github.ai/catalog/models", proves: "nothing" },
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
