import type { Provider } from "./provider.ts";

/** To be described. */
export const minimax: Provider = {
  name: "minimax",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
