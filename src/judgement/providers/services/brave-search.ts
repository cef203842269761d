import type { Provider } from "../../provider.ts";

/**
 * https://api-dashboard.search.brave.com/documentation/guides/rate-limiting,
 * https://api-dashboard.search.brave.com/api-reference/web/search/get
 *
 * Two windows in one header: the second, then the month, where a limit of 0 is none. A wrong token is told under the status of a
 * malformed request. Nothing free is known that proves a key.
 */
export const braveSearch: Provider = {
  name: "brave-search",
  origins: ["https://api.search.brave.com"],
  baseURL: "https://api.search.brave.com/res/v1",
  credential: { header: "x-subscription-token" },
  sharedBy: "account",
  headers: [
    {
      dimension: "requests",
      window: "second",
      limit: "x-ratelimit-limit",
      remaining: "x-ratelimit-remaining",
      reset: "x-ratelimit-reset",
      unit: "seconds",
      entry: 0,
    },
    {
      dimension: "requests",
      window: "month",
      limit: "x-ratelimit-limit",
      remaining: "x-ratelimit-remaining",
      reset: "x-ratelimit-reset",
      unit: "seconds",
      entry: 1,
      unlimited: 0,
    },
  ],
  errors: [
    { code: "SUBSCRIPTION_TOKEN_INVALID", verdict: { kind: "invalid_key", isDefinitive: true } },
    // The token is good, for another of the products.
    { code: "SUBSCRIPTION_NOT_FOUND", verdict: { kind: "forbidden" } },
  ],
};
