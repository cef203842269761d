import type { Provider } from "../provider.ts";

/**
 * https://api-docs.deepseek.com/quick_start/error_codes, https://api-docs.deepseek.com/quick_start/rate_limit
 *
 * Limits nothing but requests under way, by account and model, and each model otherwise: so there are no tiers here. While a
 * request is queued the answer is blank lines, or `: keep-alive` comments in a stream, for up to ten minutes.
 */
export const deepseek: Provider = {
  name: "deepseek",
  origins: ["https://api.deepseek.com"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic", path: "/anthropic" }],
  baseURL: "https://api.deepseek.com",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [],
  errors: [
    { status: 429, verdict: { kind: "rate_limit", dimension: "concurrency" } },
    { status: 503, verdict: { kind: "overloaded" } },
  ],
  probe: { method: "GET", path: "https://api.deepseek.com/user/balance", proves: "credential", left: "is_available" },
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
