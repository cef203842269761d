import type { Provider } from "../provider.ts";

/**
 * Gemini and partner models on Google Cloud: access tokens that last an hour (give `secret` as a function), or an API key in express mode.
 * Quotas belong to project and region, or to nobody: most models draw on capacity that all customers share. Hosts are
 * per region (`us-central1-aiplatform.googleapis.com`): give yours as the base URL.
 *
 * https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest
 * https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429
 * https://cloud.google.com/vertex-ai/generative-ai/docs/quotas
 */
export const vertex: Provider = {
  name: "vertex",
  origins: [],
  hosts: ["aiplatform.googleapis.com", "-aiplatform.googleapis.com"],
  protocols: [
    { protocol: "gemini" },
    { protocol: "openai", path: "/endpoints/openapi" },
    { protocol: "anthropic", path: "/publishers/anthropic" },
  ],
  credential: { header: "authorization", scheme: "Bearer", query: "key" },
  sharedBy: "project",
  perModel: true,
  headers: [],
  errors: [
    // Shared capacity is used up: that is nobody's quota.
    { status: 429, words: "resource exhausted", unless: "quota exceeded", verdict: { kind: "overloaded" } },
    { status: 429, words: "exceeded your current quota", verdict: { kind: "rate_limit" } },
    { code: "SERVICE_DISABLED", verdict: { kind: "forbidden", scope: "account", sharedBy: "project" } },
    // A token that ran out is fetched anew.
    { status: 401, verdict: { kind: "invalid_key", isDefinitive: false } },
    { embedded: true, field: "promptFeedback.blockReason", verdict: { kind: "content_filter" } },
    {
      embedded: true,
      field: ["candidates.0.finishReason", "SAFETY", "RECITATION", "PROHIBITED_CONTENT"],
      verdict: { kind: "content_filter" },
    },
  ],
  request: {
    modelField: "model",
    modelInPath: ["/models/", ":"],
    streamField: "stream",
    streamInPath: ":stream",
  },
  usage: {
    input: ["usageMetadata.promptTokenCount|usage.prompt_tokens", "usageMetadata.toolUsePromptTokenCount"],
    output: ["usageMetadata.candidatesTokenCount|usage.completion_tokens", "usageMetadata.thoughtsTokenCount"],
    total: ["usageMetadata.totalTokenCount|usage.total_tokens"],
    cumulative: true,
  },
  stream: { preamble: [], terminal: ["finishReason"] },
  repeatsServerErrors: true,
  errorShape: "gemini",
};
