import type { Provider } from "./provider.ts";

/** To be described. */
export const huggingface: Provider = {
  name: "huggingface",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
