import type { Provider } from "../provider.ts";

/**
 * https://github.com/QuantumNous/new-api, https://github.com/songquanpeng/one-api
 *
 * Everybody runs one, so the host is yours to give. The message of every 429 is replaced by one about load: codes and types
 * are to be believed, words are not. Under `channel:` stand the relay's own troubles with those it relays to. The probe's list
 * asks for a token.
 */
export const newapiRelay: Provider = {
  name: "newapi-relay",
  origins: [],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }, { protocol: "gemini" }],
  credential: { header: "authorization", scheme: "Bearer" },
  errors: [
    {
      code: [
        "get_channel_failed",
        "channel:no_available_key",
        "channel:invalid_key",
        "channel:response_time_exceeded",
        "channel:aws_client_error",
        "channel:model_mapped_error",
        "channel:param_override_invalid",
        "channel:header_override_invalid",
      ],
      verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" },
    },
    { code: ["sensitive_words_detected", "prompt_blocked"], verdict: { kind: "content_filter" } },
    {
      status: [401, 403],
      words: "额度已用尽",
      verdict: { kind: "quota_exhausted", scope: "key", sharedBy: "key" },
    },
  ],
  probe: { method: "GET", path: "/models", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens|message.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  errorsInside200: true,
  repeatsServerErrors: true,
  errorShape: "openai",
};
