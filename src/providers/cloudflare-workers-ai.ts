import type { Provider } from "./provider.ts";

/** To be described. */
export const cloudflareWorkersAi: Provider = {
  name: "cloudflare-workers-ai",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
