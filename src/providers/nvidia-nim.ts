import type { Provider } from "./provider.ts";

/** To be described. */
export const nvidiaNim: Provider = {
  name: "nvidia-nim",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
