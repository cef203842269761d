import type { Provider } from "../../provider.ts";

/**
 * https://docs.etherscan.io/common-error-messages, https://docs.etherscan.io/rate-limits,
 * https://docs.etherscan.io/api-reference/endpoint/getapilimit
 *
 * Refusals come with 200 and stand in `result`. All keys of an account share its limits. The probe reads what is left of the day.
 *
 * Tiers are as published in September 2026. They may change, and none is applied unless you name it as `tier`.
 */
export const etherscan: Provider = {
  name: "etherscan",
  origins: ["https://api.etherscan.io"],
  baseURL: "https://api.etherscan.io/v2",
  credential: { query: "apikey" },
  sharedBy: "account",
  tiers: {
    free: [
      { requests: 3, per: "second" },
      { requests: 100_000, per: "day" },
    ],
    lite: [
      { requests: 5, per: "second" },
      { requests: 100_000, per: "day" },
    ],
    standard: [
      { requests: 10, per: "second" },
      { requests: 200_000, per: "day" },
    ],
    advanced: [
      { requests: 20, per: "second" },
      { requests: 500_000, per: "day" },
    ],
    professional: [
      { requests: 30, per: "second" },
      { requests: 1_000_000, per: "day" },
    ],
    "pro-plus": [
      { requests: 30, per: "second" },
      { requests: 1_500_000, per: "day" },
    ],
  },
  errors: [
    // Five wrong keys in half a minute close the address to good ones.
    {
      status: 200,
      field: "result",
      words: "too many invalid api key",
      verdict: { kind: "rate_limit", scope: "ip", sharedBy: "ip", failover: false, reset: 30_000 },
    },
    {
      status: 200,
      field: "result",
      words: "max daily rate limit",
      verdict: { kind: "rate_limit", window: "day", dimension: "requests" },
    },
    {
      status: 200,
      field: "result",
      words: "max calls per sec",
      verdict: { kind: "rate_limit", window: "second", dimension: "requests", reset: 1000 },
    },
    // Not in the plan: another account may have it, for this request.
    {
      status: 200,
      field: "result",
      words: ["free api access is not supported", "api pro endpoint"],
      verdict: { kind: "forbidden", scope: "request", sharedBy: "account" },
    },
  ],
  probe: {
    method: "GET",
    path: "/api?chainid=1&module=getapilimit&action=getapilimit",
    proves: "credential",
    left: "result.creditsAvailable",
  },
};
