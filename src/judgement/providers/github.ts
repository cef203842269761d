import type { Provider } from "../provider.ts";

/**
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 *
 * Limits come as 403 as often as 429. All tokens of a user share them. `/rate_limit` does not count against the hourly limit,
 * but refuses bad tokens; it may count against the secondary limits.
 *
 * Tiers are as published in September 2026: `user` for a user's tokens and the least an app's installation has,
 * `enterprise-cloud` for apps of such an organization, `actions` for the `GITHUB_TOKEN` of one repository. Searches and bursts
 * have limits of their own. They may change, and none is applied unless you name it as `tier`.
 */
export const github: Provider = {
  name: "github",
  origins: ["https://api.github.com"],
  baseURL: "https://api.github.com",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  tiers: {
    user: [{ requests: 5000, per: "hour" }],
    "enterprise-cloud": [{ requests: 15_000, per: "hour" }],
    actions: [{ requests: 1000, per: "hour" }],
  },
  headers: [
    {
      dimension: "requests",
      window: "hour",
      limit: "x-ratelimit-limit",
      remaining: "x-ratelimit-remaining",
      reset: "x-ratelimit-reset",
      unit: "epoch-seconds",
    },
  ],
  errors: [
    // Not the limit the counters describe: unless said otherwise, a minute.
    {
      words: ["secondary rate limit", "abuse detection"],
      verdict: { kind: "rate_limit", window: null, dimension: "requests", reset: 60_000 },
    },
    // Said to those who sent no token.
    {
      words: "authenticated requests get a higher rate limit",
      verdict: { kind: "rate_limit", scope: "ip", sharedBy: "ip", dimension: "requests", failover: false },
    },
    // After several bad credentials the good ones are refused too, for a while.
    {
      status: 403,
      words: "login attempts",
      verdict: { kind: "forbidden", scope: "account", sharedBy: "account", retryable: true },
    },
    // Searches are counted by the minute.
    {
      status: [403, 429],
      header: ["x-ratelimit-resource", "search"],
      words: "rate limit exceeded",
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    {
      status: [403, 429],
      header: ["x-ratelimit-remaining", "0"],
      verdict: { kind: "rate_limit", window: "hour", dimension: "requests" },
    },
    {
      status: [403, 429],
      words: "rate limit exceeded",
      verdict: { kind: "rate_limit", window: "hour", dimension: "requests" },
    },
    // Of the query API, inside an answer that says success.
    {
      embedded: true,
      code: "RATE_LIMITED",
      verdict: { kind: "rate_limit", window: "hour", dimension: "requests" },
    },
  ],
  probe: { method: "GET", path: "/rate_limit", proves: "credential" },
  errorsInside200: true,
};
