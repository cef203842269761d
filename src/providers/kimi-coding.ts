import type { Provider } from "./provider.ts";

/** To be described. */
export const kimiCoding: Provider = {
  name: "kimi-coding",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
