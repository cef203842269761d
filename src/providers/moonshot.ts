import type { Provider } from "./provider.ts";

/**
 * https://platform.kimi.com/docs/api/errors, https://platform.kimi.com/docs/pricing/limits
 *
 * The two origins are separate platforms: each refuses keys of the other with 401.
 */
export const moonshot: Provider = {
  name: "moonshot",
  origins: ["https://api.moonshot.ai", "https://api.moonshot.cn"],
  baseURL: "https://api.moonshot.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [
    { code: "exceeded_current_quota_error", verdict: { kind: "quota_exhausted" } },
    { code: "engine_overloaded_error", verdict: { kind: "overloaded" } },
    { code: "rate_limit_reached_error", verdict: { kind: "rate_limit" } },
    { code: "incorrect_api_key_error", verdict: { kind: "invalid_key", isDefinitive: true } },
    { status: 400, words: "token length too long", verdict: { kind: "context_length", dimension: "tokens" } },
  ],
  probe: { method: "GET", path: "/users/me/balance", proves: "credential" },
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
