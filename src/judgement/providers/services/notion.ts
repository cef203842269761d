import type { Provider } from "../../provider.ts";

/**
 * https://developers.notion.com/reference/status-codes, https://developers.notion.com/reference/request-limits,
 * https://developers.notion.com/reference/get-self
 *
 * Counted by connection, which is what a token is of, and by workspace; the wait is stated. Pages belong to a workspace and are
 * shared with a connection: another key finds others, so what is not found is nobody else's to look for.
 */
export const notion: Provider = {
  name: "notion",
  origins: ["https://api.notion.com"],
  baseURL: "https://api.notion.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  errors: [
    { code: "restricted_resource", verdict: { kind: "forbidden", scope: "request", sharedBy: "key", failover: false } },
    { code: "conflict_error", verdict: { kind: "bad_request", retryable: true } },
  ],
  probe: {
    method: "GET",
    path: "/users/me",
    headers: { "notion-version": "2022-06-28" },
    proves: "credential",
  },
};
