import type { Provider } from "./provider.ts";

/** https://ai.google.dev/api, its OpenAI-compatible surface included. */
export const gemini: Provider = {
  name: "gemini",
  origins: ["https://generativelanguage.googleapis.com"],
  credential: { header: "x-goog-api-key" },
  repeatsServerErrors: true,
  errorShape: "gemini",
};
