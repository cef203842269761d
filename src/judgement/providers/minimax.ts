import type { Provider } from "../provider.ts";

/**
 * https://platform.minimax.io/docs/api-reference/errorcode, https://platform.minimax.io/docs/api-reference/models
 *
 * Errors come with status 200 and a code in `base_resp`, in place of a stream too; the surface that speaks Anthropic's
 * format uses real statuses. The two origins are separate platforms. The probe's list is not public, and lies below `/v1`.
 */
export const minimax: Provider = {
  name: "minimax",
  origins: ["https://api.minimaxi.com", "https://api.minimax.io"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic", path: "/anthropic" }],
  baseURL: "https://api.minimaxi.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [
    { words: "please carry the api secret key", verdict: { kind: "bad_request" } },
    { code: "1004", verdict: { kind: "invalid_key" } },
    { code: "2049", verdict: { kind: "invalid_key", isDefinitive: true } },
    { code: "1008", verdict: { kind: "quota_exhausted" } },
    { code: "1002", verdict: { kind: "rate_limit", window: "minute", dimension: "requests" } },
    { code: "1039", verdict: { kind: "rate_limit", window: "minute", dimension: "tokens" } },
    // Requests grew too fast, whatever their number.
    { code: "2045", verdict: { kind: "rate_limit", window: null, dimension: "requests" } },
    // Plans count over five hours.
    { code: "2056", verdict: { kind: "rate_limit", window: "hour" } },
    { status: 429, words: ["usage limit exceeded", "(2056)"], verdict: { kind: "rate_limit", window: "hour" } },
    { code: ["1026", "1027"], verdict: { kind: "content_filter" } },
    { code: ["1042", "2013"], verdict: { kind: "bad_request" } },
    { code: "1001", verdict: { kind: "timeout" } },
    { code: ["1000", "1013", "1024"], verdict: { kind: "server_error" } },
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
  errorsInside200: true,
  repeatsServerErrors: true,
  errorShape: "openai",
};
