import type { Provider } from "../../provider.ts";

/**
 * https://exa.ai/docs/admin/error-codes, https://exa.ai/docs/admin/billing, https://exa.ai/docs/reference/rate-limits
 *
 * Limits and credits are a team's, for all its keys; a key may have a budget of its own. What went wrong is said by `tag`. Nothing
 * free is known that proves a key.
 */
export const exa: Provider = {
  name: "exa",
  origins: ["https://api.exa.ai"],
  baseURL: "https://api.exa.ai",
  credential: { header: "x-api-key" },
  sharedBy: "account",
  errors: [
    { field: ["tag", "API_KEY_BUDGET_EXCEEDED"], verdict: { kind: "quota_exhausted", scope: "key", sharedBy: "key" } },
    { field: ["tag", "NO_MORE_CREDITS", "TEAM_BUDGET_EXCEEDED"], verdict: { kind: "quota_exhausted" } },
    {
      field: ["tag", "RATE_LIMIT_EXCEEDED"],
      verdict: { kind: "rate_limit", window: "second", dimension: "requests" },
    },
    // Not in the plan: another team may have it, for this request.
    { field: ["tag", "FEATURE_DISABLED"], verdict: { kind: "forbidden", scope: "request", sharedBy: "account" } },
    { field: ["tag", "TEAM_BLOCKED"], verdict: { kind: "forbidden", scope: "account", sharedBy: "account" } },
    { field: ["tag", "PROHIBITED_CONTENT"], verdict: { kind: "content_filter" } },
  ],
};
