import type { Provider } from "./provider.ts";

/** https://openrouter.ai/docs/api-reference/overview */
export const openrouter: Provider = {
  name: "openrouter",
  origins: ["https://openrouter.ai"],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
  errorShape: "openai",
};
