import type { Provider } from "../provider.ts";

/**
 * The API behind Gemini CLI and Gemini Code Assist: OAuth access tokens (give `secret` as a function), quotas for each Google account and model,
 * answers that wrap Gemini's in `response`. It is documented by its client only. Since 18 June 2026 it serves no consumer
 * accounts (individuals, Google AI Pro and Ultra) any more.
 *
 * https://developers.google.com/gemini-code-assist/docs/deprecations
 * https://github.com/google-gemini/gemini-cli/tree/main/packages/core/src/code_assist
 * https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/utils/googleQuotaErrors.ts
 */
export const geminiCodeAssist: Provider = {
  name: "gemini-code-assist",
  origins: ["https://cloudcode-pa.googleapis.com"],
  baseURL: "https://cloudcode-pa.googleapis.com",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  headers: [],
  errors: [
    { code: "MODEL_CAPACITY_EXHAUSTED", verdict: { kind: "overloaded" } },
    {
      status: 429,
      code: "QUOTA_EXHAUSTED",
      verdict: {
        kind: "rate_limit",
        reset: [
          { field: "metadata.quotaResetDelay", unit: "duration" },
          { field: "metadata.quotaResetTimeStamp", unit: "instant" },
        ],
      },
    },
    // Shared capacity is used up, as on all surfaces of Google Cloud: that is nobody's quota.
    { status: 429, words: "resource exhausted", unless: "quota exceeded", verdict: { kind: "overloaded" } },
    { status: 429, words: "exceeded your current quota", verdict: { kind: "rate_limit" } },
    // A token that ran out is fetched anew.
    { status: 401, verdict: { kind: "invalid_key", isDefinitive: false } },
  ],
  request: { modelField: "model", streamInPath: ":streamGenerateContent" },
  usage: {
    input: ["response.usageMetadata.promptTokenCount", "response.usageMetadata.toolUsePromptTokenCount"],
    output: ["response.usageMetadata.candidatesTokenCount", "response.usageMetadata.thoughtsTokenCount"],
    total: ["response.usageMetadata.totalTokenCount"],
    cumulative: true,
  },
  stream: { preamble: [], terminal: ["finishReason"] },
  repeatsServerErrors: true,
  errorShape: "gemini",
};
