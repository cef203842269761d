import type { Provider } from "./provider.ts";

/** https://platform.openai.com/docs/api-reference */
export const openai: Provider = {
  name: "openai",
  origins: ["https://api.openai.com"],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
  errorShape: "openai",
};
