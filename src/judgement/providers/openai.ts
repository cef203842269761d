import type { Provider } from "../provider.ts";

/**
 * Quotas belong to an organization (some to a project) and count for each model apart.
 *
 * https://platform.openai.com/docs/api-reference
 * https://developers.openai.com/api/docs/guides/rate-limits
 * https://platform.openai.com/docs/guides/error-codes
 * https://developers.openai.com/api/docs/guides/data-residency (the hosts of regions)
 */
export const openai: Provider = {
  name: "openai",
  origins: ["https://api.openai.com", "https://us.api.openai.com", "https://eu.api.openai.com"],
  hosts: ["api.openai.com", ".api.openai.com"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://api.openai.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  // Which window the counters are for is not said: mostly the minute, for some models the day.
  headers: [
    {
      dimension: "requests",
      window: null,
      limit: "x-ratelimit-limit-requests",
      remaining: "x-ratelimit-remaining-requests",
      reset: "x-ratelimit-reset-requests",
      unit: "duration",
      scope: "model",
    },
    {
      dimension: "tokens",
      window: null,
      limit: "x-ratelimit-limit-tokens",
      remaining: "x-ratelimit-remaining-tokens",
      reset: "x-ratelimit-reset-tokens",
      unit: "duration",
      scope: "model",
    },
  ],
  errors: [
    { code: "credit_balance_exhausted", verdict: { kind: "quota_exhausted" } },
    { code: ["billing_not_active", "billing_hard_limit_reached"], verdict: { kind: "quota_exhausted" } },
    {
      code: "project_spend_limit_exceeded",
      verdict: { kind: "quota_exhausted", scope: "account", sharedBy: "project", window: "month" },
    },
    {
      code: ["organization_spend_limit_exceeded", "organization_usage_limit_exceeded"],
      verdict: { kind: "quota_exhausted", window: "month" },
    },
    // What is left of this type: the account's monthly budget.
    { code: "insufficient_quota", verdict: { kind: "quota_exhausted", window: "month" } },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    asked: true,
  },
  stream: {
    preamble: ["response.created", "response.queued", "response.in_progress"],
    terminal: ["[DONE]", "response.completed", "response.failed", "response.incomplete"],
  },
  resources: {
    prefixes: [
      ...["file-", "batch_", "resp_", "thread_", "asst_", "vs_", "conv_", "upload_", "cntr_", "ftjob-", "video_"],
      // Items of a conversation, and the content that only who made it can read: https://platform.openai.com/docs/guides/reasoning
      ...["rs_", "msg_", "fc_", "ctc_", "ws_", "ci_", "ig_", "mcp_", "lsh_", "gAAAA"],
    ],
    made: [
      "/files",
      "/batches",
      "/responses",
      "/threads",
      "/assistants",
      "/vector_stores",
      "/conversations",
      "/uploads",
      "/containers",
      "/fine_tuning",
      "/videos",
    ],
  },
  repeatsServerErrors: true,
  errorShape: "openai",
};
