import type { Provider } from "../provider.ts";

/**
 * https://www.volcengine.com/docs/82379/1299023
 *
 * No request is documented that costs nothing and proves a key: name one of your own in `healthCheck`.
 */
export const volcengineArk: Provider = {
  name: "volcengine-ark",
  origins: ["https://ark.cn-beijing.volces.com"],
  protocols: [
    { protocol: "openai" },
    { protocol: "anthropic", path: "/api/compatible" },
    { protocol: "anthropic", path: "/api/coding" },
  ],
  baseURL: "https://ark.cn-beijing.volces.com/api/v3",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    // What a model gives away, or what its owner allows it.
    { code: "SetLimitExceeded", verdict: { kind: "quota_exhausted", scope: "model", sharedBy: "account" } },
    // Windows of a plan, which messages name together with their end.
    {
      code: ["QuotaExceeded", "AccountQuotaExceeded"],
      words: ["5-hour", "weekly", "monthly"],
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account" },
    },
    { code: "QuotaExceeded", verdict: { kind: "quota_exhausted", scope: "model", sharedBy: "account" } },
    {
      code: ["RateLimitExceeded.EndpointRPMExceeded", "ModelAccountRpmRateLimitExceeded"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    {
      code: ["RateLimitExceeded.EndpointTPMExceeded", "ModelAccountTpmRateLimitExceeded"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "tokens" },
    },
    // Images a minute.
    {
      code: "ModelAccountIpmRateLimitExceeded",
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
    {
      code: "APIAccountRpmRateLimitExceeded",
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: "minute", dimension: "requests" },
    },
    {
      code: "AccountRateLimitExceeded",
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" },
    },
    { code: "RequestBurstTooFast", verdict: { kind: "rate_limit", dimension: "requests" } },
    { code: "InflightBatchsizeExceeded", verdict: { kind: "rate_limit", dimension: "concurrency" } },
    {
      status: 404,
      code: [
        "ModelNotOpen",
        "InvalidEndpointOrModel.NotFound",
        "InvalidEndpointOrModel.ModelIDAccessDisabled",
        "UnsupportedModel",
      ],
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
    {
      code: "OperationDenied.ServiceNotOpen",
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
  ],
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
