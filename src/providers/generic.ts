import type { Provider } from "./provider.ts";

/** Any HTTP API: nothing is assumed but a bearer token. Give `baseURL` or `origins`. */
export const generic: Provider = {
  name: "generic",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
};
