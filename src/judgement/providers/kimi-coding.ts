import type { Provider } from "../provider.ts";

/**
 * https://www.kimi.com/code/docs/en/kimi-code/error-reference.html,
 * https://www.kimi.com/code/docs/en/third-party-tools/codex.html
 *
 * A used-up window is said in words only, under the status and type of a refused permission. When it ends is not said.
 * The two origins are for members of kimi.com and of kimi.ai. The probe's list is not public.
 */
export const kimiCoding: Provider = {
  name: "kimi-coding",
  origins: ["https://api.kimi.com", "https://api.kimi.ai"],
  paths: ["/coding"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://api.kimi.com/coding/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [
    { words: ["5-hour", "5 hour"], status: [403, 429], verdict: { kind: "rate_limit", window: "hour" } },
    {
      words: ["weekly", "7-day"],
      status: [403, 429],
      verdict: { kind: "rate_limit", window: "day", retryable: false },
    },
    {
      words: ["billing cycle", "monthly usage limit"],
      status: [403, 429],
      verdict: { kind: "rate_limit", window: "month", retryable: false },
    },
    // The plan serves certain clients only: no key changes who is asking.
    {
      words: "only available for coding agents",
      status: 403,
      verdict: { kind: "forbidden", scope: "request", sharedBy: "request", failover: false },
    },
    {
      words: "access to model",
      status: [403, 404],
      verdict: { kind: "forbidden", scope: "model", sharedBy: "account" },
    },
    // A hold on the membership, lifted on appeal.
    { code: "access_terminated_error", verdict: { kind: "forbidden", scope: "account", sharedBy: "account" } },
  ],
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
  repeatsServerErrors: true,
  errorShape: "openai",
};
