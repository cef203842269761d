import type { Provider } from "./provider.ts";

/** To be described. */
export const siliconflow: Provider = {
  name: "siliconflow",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
