import type { Provider } from "./provider.ts";

/** To be described. */
export const litellmProxy: Provider = {
  name: "litellm-proxy",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
