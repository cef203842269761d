import type { Provider } from "./provider.ts";

/** To be described. */
export const github: Provider = {
  name: "github",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
