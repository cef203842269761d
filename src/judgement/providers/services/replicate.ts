import type { Provider } from "../../provider.ts";

/**
 * https://replicate.com/docs/reference/http, https://replicate.com/docs/topics/predictions/rate-limits,
 * https://github.com/nodetool-ai/nodetool/issues/5196 (how a limit is told)
 *
 * An account's limits, by the minute; one with little credit is slowed down, which is a rate and no bill. A prediction is known to
 * the account that began it, and its id does not tell: give such requests an `affinity`.
 */
export const replicate: Provider = {
  name: "replicate",
  origins: ["https://api.replicate.com"],
  baseURL: "https://api.replicate.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [{ status: 429, verdict: { kind: "rate_limit", window: "minute", dimension: "requests" } }],
  probe: { method: "GET", path: "/account", proves: "credential" },
  request: { modelInPath: ["/models/", "/predictions"] },
};
