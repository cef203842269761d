import type { Provider } from "../../provider.ts";

/**
 * https://docs.firecrawl.dev/api-reference/errors, https://docs.firecrawl.dev/rate-limits,
 * https://docs.firecrawl.dev/api-reference/endpoint/credit-usage
 *
 * All keys of a team share its limits, which are counted by the minute and by endpoint. A crawl is known to the team that began it,
 * and its id does not tell: give such requests an `affinity`.
 */
export const firecrawl: Provider = {
  name: "firecrawl",
  origins: ["https://api.firecrawl.dev"],
  baseURL: "https://api.firecrawl.dev/v2",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [
    // The next may go when a page is done.
    {
      status: 429,
      words: ["concurrency limit", "concurrent"],
      verdict: { kind: "rate_limit", window: null, dimension: "concurrency" },
    },
    { status: 429, verdict: { kind: "rate_limit", window: "minute", dimension: "requests" } },
  ],
  probe: { method: "GET", path: "/team/credit-usage", proves: "credential", left: "data.remainingCredits" },
};
