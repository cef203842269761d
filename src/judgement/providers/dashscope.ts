import type { Provider } from "../provider.ts";

/**
 * https://www.alibabacloud.com/help/model-studio/base-url, https://help.aliyun.com/zh/model-studio/error-code
 *
 * A key works in its own region only. Hosts of a workspace (`<workspace>.<region>.maas.aliyuncs.com`) are recognised; give
 * yours as the base URL. The list that the probe reads is not public.
 */
export const dashscope: Provider = {
  name: "dashscope",
  origins: [
    "https://dashscope.aliyuncs.com",
    "https://dashscope-intl.aliyuncs.com",
    "https://dashscope-us.aliyuncs.com",
    "https://cn-hongkong.dashscope.aliyuncs.com",
  ],
  hosts: [
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "dashscope-us.aliyuncs.com",
    "cn-hongkong.dashscope.aliyuncs.com",
    ".maas.aliyuncs.com",
  ],
  protocols: [
    { protocol: "openai", path: "/compatible-mode/v1" },
    { protocol: "anthropic", path: "/apps/anthropic" },
  ],
  baseURL: "https://dashscope.aliyuncs.com/compatible-mode/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    // What a model gives away for nothing is used up; other models still give.
    {
      words: "free allocated quota exceeded",
      verdict: { kind: "quota_exhausted", scope: "model", sharedBy: "account", dimension: "tokens" },
    },
    {
      code: "AllocationQuota.FreeTierOnly",
      verdict: { kind: "quota_exhausted", scope: "model", sharedBy: "account", dimension: "tokens" },
    },
    // Tokens a minute, in the words others use for an unpaid bill.
    {
      status: 429,
      code: ["insufficient_quota", "Throttling.AllocationQuota"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "tokens" },
    },
    {
      status: 429,
      words: ["allocated quota exceeded", "exceeded your current quota"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "tokens" },
    },
    {
      status: 429,
      code: ["limit_requests", "Throttling.RateQuota"],
      verdict: { kind: "rate_limit", window: "minute", dimension: "requests" },
    },
  ],
  dayZone: "Asia/Shanghai",
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens"],
    total: ["usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
