import type { Provider } from "../provider.ts";

/**
 * The native surface (`/v1beta`) and the OpenAI-compatible one (`/v1beta/openai`). Quotas belong to a Google Cloud project and count for
 * each model apart; days end at midnight in California. No answer has rate-limit headers.
 * Limits are published in AI Studio only, for each project, so there are no tiers here.
 *
 * https://ai.google.dev/api
 * https://ai.google.dev/gemini-api/docs/rate-limits
 * https://ai.google.dev/gemini-api/docs/troubleshooting
 */
export const gemini: Provider = {
  name: "gemini",
  origins: ["https://generativelanguage.googleapis.com"],
  protocols: [{ protocol: "gemini" }, { protocol: "openai", path: "/openai" }],
  baseURL: "https://generativelanguage.googleapis.com/v1beta",
  credential: {
    header: "x-goog-api-key",
    query: "key",
    // Access tokens of OAuth: https://developers.google.com/identity/protocols/oauth2
    tokens: [{ prefix: "ya29.", header: "authorization", scheme: "Bearer" }],
  },
  sharedBy: "project",
  perModel: true,
  headers: [],
  dayZone: "America/Los_Angeles",
  errors: [
    {
      status: 429,
      words: ["credits are depleted", "spending cap", "spend cap"],
      verdict: { kind: "quota_exhausted", scope: "account", sharedBy: "project" },
    },
    // Counted over ten minutes.
    {
      status: 429,
      words: ["spend-based", "spend rate"],
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "project", window: "minute" },
    },
    // The project's tier does not have this model: no wait helps, whatever delay is stated.
    {
      status: 429,
      words: "limit: 0",
      verdict: { kind: "quota_exhausted", scope: "model", sharedBy: "project", window: null, ignoresDelay: true },
    },
    // A day's limit comes with a delay of seconds.
    { status: 429, window: "day", verdict: { kind: "rate_limit", reset: "day", resetWins: true } },
    // Elsewhere a billing stop, here what every limit says.
    { status: 429, words: "exceeded your current quota", verdict: { kind: "rate_limit" } },
    { code: "SERVICE_DISABLED", verdict: { kind: "forbidden", scope: "account", sharedBy: "project" } },
    // An API key in a place meant for access tokens, or a token that ran out.
    { status: 401, words: "oauth", verdict: { kind: "invalid_key", isDefinitive: false } },
    { embedded: true, field: "promptFeedback.blockReason", verdict: { kind: "content_filter" } },
    {
      embedded: true,
      field: ["candidates.0.finishReason", "SAFETY", "RECITATION", "PROHIBITED_CONTENT"],
      verdict: { kind: "content_filter" },
    },
  ],
  probe: { method: "GET", path: "/models?pageSize=1", proves: "credential" },
  request: {
    modelField: "model",
    modelInPath: ["/models/", ":"],
    streamField: "stream",
    streamInPath: ":streamGenerateContent",
  },
  usage: {
    input: ["usageMetadata.promptTokenCount|usage.prompt_tokens", "usageMetadata.toolUsePromptTokenCount"],
    output: ["usageMetadata.candidatesTokenCount|usage.completion_tokens", "usageMetadata.thoughtsTokenCount"],
    total: ["usageMetadata.totalTokenCount|usage.total_tokens"],
    cumulative: true,
  },
  stream: { preamble: [], terminal: ["finishReason", "[DONE]"] },
  resources: {
    prefixes: ["cachedContents/", "files/", "batches/", "fileSearchStores/", "tunedModels/"],
    made: ["/cachedContents", "/upload/", "/files", ":batchGenerateContent", "/fileSearchStores", "/tunedModels"],
    uploadHeader: "x-goog-upload-url",
  },
  repeatsServerErrors: true,
  errorShape: "gemini",
};
