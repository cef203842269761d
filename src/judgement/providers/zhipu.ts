import type { Provider } from "../provider.ts";

/**
 * https://docs.bigmodel.cn/cn/faq/api-code, https://docs.z.ai/api-reference/api-code
 *
 * Codes are numbers in text; on the surface that speaks Anthropic's format they stand in `type`. Messages write when a limit
 * ends in Beijing time without a zone. What is counted is mostly requests under way. The probe's list is not public.
 */
export const zhipu: Provider = {
  name: "zhipu",
  origins: ["https://open.bigmodel.cn", "https://api.z.ai"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic", path: "/anthropic" }],
  baseURL: "https://open.bigmodel.cn/api/paas/v4",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    // The quota API refuses keys in an answer that says success.
    {
      embedded: true,
      field: ["success", false],
      code: "401",
      verdict: { kind: "invalid_key" },
    },
    { code: ["1000", "1004"], verdict: { kind: "invalid_key" } },
    { code: "1002", verdict: { kind: "invalid_key", isDefinitive: true } },
    { code: "1001", verdict: { kind: "bad_request" } },
    // Tokens made from a key expire; the key does not, and clocks differ.
    { code: "1003", verdict: { kind: "invalid_key", isDefinitive: false } },
    {
      code: ["1110", "1111", "1112", "1121"],
      verdict: { kind: "forbidden", scope: "account", sharedBy: "account" },
    },
    { code: ["1113", "1309"], verdict: { kind: "quota_exhausted" } },
    { code: ["1211", "1221", "1222"], verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" } },
    { code: ["1210", "1212", "1213", "1214", "1215"], verdict: { kind: "bad_request" } },
    { code: "1261", verdict: { kind: "context_length", dimension: "tokens" } },
    { code: ["1300", "1301"], verdict: { kind: "content_filter" } },
    { code: "1302", verdict: { kind: "rate_limit", dimension: "concurrency" } },
    { code: "1303", verdict: { kind: "rate_limit", dimension: "requests" } },
    { code: "1304", verdict: { kind: "rate_limit", window: "day", dimension: "requests", reset: "day" } },
    { code: ["1305", "1312"], verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" } },
    { code: "1308", verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: "hour" } },
    // A week or a month: the longest name there is for the shorter of the two.
    { code: "1310", verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", window: "day" } },
    {
      code: ["1220", "1311"],
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
    { code: "1313", verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" } },
  ],
  dayZone: "Asia/Shanghai",
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: [
      "usage.prompt_tokens|usage.input_tokens|message.usage.input_tokens",
      "usage.cache_creation_input_tokens|message.usage.cache_creation_input_tokens",
      "usage.cache_read_input_tokens|message.usage.cache_read_input_tokens",
    ],
    output: ["usage.completion_tokens|usage.output_tokens"],
    total: ["usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: ["message_start", "ping"], terminal: ["[DONE]", "message_stop"] },
  errorsInside200: true,
  repeatsServerErrors: true,
  errorShape: "openai",
};
