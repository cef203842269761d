import type { Provider } from "../provider.ts";

/**
 * https://docs.x.ai/developers/debugging, https://docs.x.ai/developers/rate-limits
 *
 * Errors are `{ code, error }` with sentences in both. A wrong key is a 400, spent credits are a 403 or a 429. A minute's
 * requests are spread over its seconds; limits differ between models, so there are no tiers here.
 */
export const xai: Provider = {
  name: "xai",
  origins: ["https://api.x.ai"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://api.x.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    // Of the probe, which succeeds for keys that nothing else does.
    { embedded: true, field: ["api_key_disabled", true], verdict: { kind: "invalid_key", isDefinitive: false } },
    { embedded: true, field: ["api_key_blocked", true], verdict: { kind: "forbidden" } },
    {
      embedded: true,
      field: ["team_blocked", true],
      verdict: { kind: "forbidden", scope: "account", sharedBy: "account" },
    },
  ],
  probe: { method: "GET", path: "/api-key", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: ["response.created", "response.in_progress"], terminal: ["[DONE]", "response.completed"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
