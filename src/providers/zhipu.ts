import type { Provider } from "./provider.ts";

/** To be described. */
export const zhipu: Provider = {
  name: "zhipu",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
