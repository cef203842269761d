import type { Provider } from "../../provider.ts";

/**
 * https://www.alphavantage.co/documentation/, https://www.alphavantage.co/support/#api-key,
 * https://github.com/finance-quote/finance-quote/issues/104 (how a limit is told)
 *
 * Refusals come with 200, as nothing but a sentence under `Note`, `Information` or `Error Message`; a sentence about the second
 * mentions the day as well. When the day ends is not said. Every request counts, so there is no probe.
 */
export const alphaVantage: Provider = {
  name: "alpha-vantage",
  origins: ["https://www.alphavantage.co"],
  baseURL: "https://www.alphavantage.co",
  credential: { query: "apikey" },
  errors: [
    {
      status: 200,
      field: "Information",
      words: "more sparingly",
      verdict: { kind: "rate_limit", window: "second", dimension: "requests", reset: 1000 },
    },
    // Not in the plan: another key may have it, for this request.
    {
      status: 200,
      field: "Information",
      words: "premium endpoint",
      verdict: { kind: "forbidden", scope: "request", sharedBy: "key" },
    },
    {
      status: 200,
      field: "Error Message",
      words: "apikey is invalid",
      verdict: { kind: "invalid_key", isDefinitive: true },
    },
  ],
};
