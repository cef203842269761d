import type { Provider } from "./provider.ts";

/**
 * https://docs.x.ai/developers/debugging, https://docs.x.ai/developers/rate-limits
 *
 * Errors are `{ code, error }` with sentences in both. A wrong key is a 400, spent credits are a 403 or a 429.
 */
export const xai: Provider = {
  name: "xai",
  origins: ["https://api.x.ai"],
  baseURL: "https://api.x.ai/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    {
      status: [402, 403, 429],
      words: ["available credits", "any credits", "spending limit"],
      verdict: { kind: "quota_exhausted" },
    },
  ],
  probe: { method: "GET", path: "/api-key", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens", "response.usage.input_tokens"],
    output: ["usage.completion_tokens", "response.usage.output_tokens"],
    total: ["usage.total_tokens", "response.usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: ["response.created", "response.in_progress"], terminal: ["[DONE]", "response.completed"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
