import type { Provider } from "../../provider.ts";

/**
 * https://developers.google.com/youtube/v3/determine_quota_cost, https://developers.google.com/youtube/v3/docs/errors,
 * https://docs.cloud.google.com/docs/authentication/api-keys-use
 *
 * A project has units for a day that ends at midnight in California, and days of their own for searches and uploads: what stands
 * behind `/v3/` in the path counts as the model, so that a spent one leaves the others alone, and `limits` can name `search`.
 * Every request costs at least a unit, a refused one and the probe as well.
 */
export const youtubeData: Provider = {
  name: "youtube-data",
  origins: ["https://www.googleapis.com", "https://youtube.googleapis.com"],
  baseURL: "https://www.googleapis.com/youtube/v3",
  credential: { header: "x-goog-api-key", query: "key" },
  sharedBy: "project",
  perModel: true,
  errors: [
    {
      field: ["errors.0.reason", "quotaExceeded", "dailyLimitExceeded"],
      verdict: { kind: "rate_limit", window: "day", reset: "day" },
    },
    {
      field: ["errors.0.reason", "rateLimitExceeded", "userRateLimitExceeded"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    // The project has not switched the API on: its keys are good for others.
    {
      field: ["errors.0.reason", "accessNotConfigured"],
      verdict: { kind: "forbidden", scope: "account", sharedBy: "project" },
    },
    // Said of what was asked for, in words that elsewhere are said of accounts.
    {
      field: [
        "errors.0.reason",
        "accountClosed",
        "accountSuspended",
        "channelClosed",
        "channelForbidden",
        "channelSuspended",
        "commentsDisabled",
        "playlistForbidden",
        "playlistItemsNotAccessible",
        "subscriptionForbidden",
      ],
      verdict: { kind: "forbidden", scope: "request", sharedBy: "request", failover: false },
    },
  ],
  dayZone: "America/Los_Angeles",
  probe: { method: "GET", path: "/i18nLanguages?part=snippet", proves: "credential" },
  request: { modelInPath: ["/youtube/v3/", ""] },
  errorShape: "gemini",
};
