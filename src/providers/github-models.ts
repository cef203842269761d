import type { Provider } from "./provider.ts";

/** To be described. */
export const githubModels: Provider = {
  name: "github-models",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
};
