import type { Provider } from "../../provider.ts";

/**
 * https://docs.tavily.com/documentation/api-reference/endpoint/search, https://docs.tavily.com/documentation/rate-limits,
 * https://help.tavily.com/articles/8645538886-understanding-http-errors
 *
 * A spent plan and a spent pay-as-you-go limit have statuses of their own. The probe reads the usage of key and account; it may be
 * asked ten times in ten minutes.
 *
 * Tiers are the environments of keys, as published in 2026; crawling and research have less. None is applied unless you name it as
 * `tier`.
 */
export const tavily: Provider = {
  name: "tavily",
  origins: ["https://api.tavily.com"],
  baseURL: "https://api.tavily.com",
  credential: { header: "authorization", scheme: "Bearer" },
  tiers: {
    development: [{ requests: 100, per: "minute" }],
    production: [{ requests: 1000, per: "minute" }],
  },
  errors: [
    {
      status: 429,
      words: "excessive requests",
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    { status: [432, 433], verdict: { kind: "quota_exhausted" } },
  ],
  probe: { method: "GET", path: "/usage", proves: "credential" },
};
