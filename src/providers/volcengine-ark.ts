import type { Provider } from "./provider.ts";

/** To be described. */
export const volcengineArk: Provider = {
  name: "volcengine-ark",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
