import type { Provider } from "./provider.ts";

/** To be described. */
export const newapiRelay: Provider = {
  name: "newapi-relay",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
