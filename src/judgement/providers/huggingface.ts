import type { Provider } from "../provider.ts";

/**
 * https://huggingface.co/docs/inference-providers, https://huggingface.co/docs/hub/rate-limits
 *
 * The Hub counts over fixed windows of five minutes and says so in the `RateLimit` field; credits are counted by the month.
 * `/v1/models` is public, so the probe asks the Hub.
 *
 * Tiers are those of the Hub's API, not of inference, as published in September 2026. They change often, and none is applied
 * unless you name it as `tier`.
 */
export const huggingface: Provider = {
  name: "huggingface",
  origins: ["https://router.huggingface.co", "https://huggingface.co"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://router.huggingface.co/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  tiers: {
    "hub-free": [{ requests: 1000, per: 300_000 }],
    "hub-pro": [{ requests: 2500, per: 300_000 }],
  },
  errors: [
    // Said to those who sent no token.
    {
      status: 429,
      words: "rate limit your ip",
      verdict: { kind: "rate_limit", scope: "ip", sharedBy: "ip", failover: false },
    },
    { status: 429, header: "ratelimit", verdict: { kind: "rate_limit", window: "minute", dimension: "requests" } },
    // A model on its way into memory, with a guess of how long it takes.
    { field: "estimated_time", verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" } },
  ],
  probe: { method: "GET", path: "https://huggingface.co/api/whoami-v2", proves: "credential" },
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
