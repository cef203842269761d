import type { Provider } from "../provider.ts";

/**
 * https://platform.kimi.com/docs/api/errors, https://platform.kimi.com/docs/pricing/limits,
 * https://platform.kimi.ai/docs/api/balance
 *
 * The two origins are separate platforms: each refuses keys of the other with 401.
 *
 * Tiers follow from what was ever paid, and are as published in 2026, alike on both platforms. They limit tokens and requests
 * under way as well. They may change, and none is applied unless you name it as `tier`.
 */
export const moonshot: Provider = {
  name: "moonshot",
  origins: ["https://api.moonshot.ai", "https://api.moonshot.cn"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic", path: "/anthropic" }],
  baseURL: "https://api.moonshot.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  tiers: {
    "tier-0": [{ requests: 3, per: "minute" }],
    "tier-1": [{ requests: 200, per: "minute" }],
    "tier-2": [{ requests: 500, per: "minute" }],
    "tier-3": [{ requests: 5000, per: "minute" }],
    "tier-4": [{ requests: 5000, per: "minute" }],
    "tier-5": [{ requests: 10_000, per: "minute" }],
  },
  errors: [{ code: "exceeded_current_quota_error", verdict: { kind: "quota_exhausted" } }],
  probe: { method: "GET", path: "/users/me/balance", proves: "credential", left: "data.available_balance" },
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
