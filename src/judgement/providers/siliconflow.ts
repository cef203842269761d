import type { Provider } from "../provider.ts";

/**
 * https://docs.siliconflow.cn/cn/userguide/rate-limits/rate-limit-and-upgradation,
 * https://docs.siliconflow.cn/cn/faqs/error-code,
 * https://docs.siliconflow.cn/cn/api-reference/userinfo/get-user-info
 *
 * The two origins are separate platforms. On an empty account the models that cost nothing still answer.
 * Limits differ between models, so there are no tiers here.
 */
export const siliconflow: Provider = {
  name: "siliconflow",
  origins: ["https://api.siliconflow.cn", "https://api.siliconflow.com"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://api.siliconflow.cn/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    { code: "30001", verdict: { kind: "quota_exhausted" } },
    { code: "30003", verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" } },
    { code: "30014", verdict: { kind: "invalid_key" } },
    // Hours and images are counted too, under names that nobody else uses.
    { status: 429, words: "rph limit", verdict: { kind: "rate_limit", window: "hour", dimension: "requests" } },
    { status: 429, words: "ipm limit", verdict: { kind: "rate_limit", window: "minute", dimension: "requests" } },
    { status: 429, words: "ipd limit", verdict: { kind: "rate_limit", window: "day", dimension: "requests" } },
    { code: "50602", unless: ["rpd", "tpd"], verdict: { kind: "rate_limit", window: "minute" } },
    { code: "50505", verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" } },
  ],
  probe: { method: "GET", path: "/user/info", proves: "credential" },
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
