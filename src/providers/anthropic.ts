import type { Provider } from "./provider.ts";

/** https://docs.anthropic.com/en/api/overview */
export const anthropic: Provider = {
  name: "anthropic",
  origins: ["https://api.anthropic.com"],
  credential: { header: "x-api-key" },
  repeatsServerErrors: true,
  errorShape: "anthropic",
};
