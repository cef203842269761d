import type { Provider } from "../provider.ts";

/**
 * https://developers.cloudflare.com/workers-ai/platform/errors/, https://developers.cloudflare.com/workers-ai/platform/limits/
 *
 * The account is part of the path, so a key and its base URL are one:
 * `https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1`. The free allowance is counted by the UTC day.
 *
 * The probe reads the account's catalogue, which asks for the permission that inference needs, whether a user or the account
 * owns the token: the requests that verify a token are one for each kind.
 *
 * The tier is as published in September 2026 and changes often: name it as `tier` if you send nothing but chats, to models
 * that the free plan has. Others have limits of their own.
 */
export const cloudflareWorkersAi: Provider = {
  name: "cloudflare-workers-ai",
  origins: ["https://api.cloudflare.com"],
  paths: ["/client/v4/accounts/"],
  protocols: [{ protocol: "openai", path: "/ai/v1" }],
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  tiers: { "text-generation": [{ requests: 300, per: "minute" }] },
  errors: [
    { code: ["4006", "3036"], verdict: { kind: "rate_limit", window: "day", reset: "day" } },
    { code: "3040", verdict: { kind: "overloaded" } },
    { code: ["3007", "3008"], verdict: { kind: "timeout" } },
    // Also said of a good token without the permission.
    { code: "10000", verdict: { kind: "invalid_key", isDefinitive: false } },
    { code: "3023", verdict: { kind: "forbidden", scope: "account", sharedBy: "account" } },
    { code: ["3041", "5016", "5018"], verdict: { kind: "forbidden", scope: "model", sharedBy: "account" } },
    { code: ["3042", "5007"], verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" } },
  ],
  probe: { method: "GET", path: "../models/search?per_page=1", proves: "credential" },
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
