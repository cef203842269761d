import type { Provider } from "./provider.ts";

/** To be described. */
export const moonshot: Provider = {
  name: "moonshot",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
