import type { Provider } from "../../provider.ts";

/**
 * https://elevenlabs.io/docs/resources/errors, https://elevenlabs.io/docs/api-reference/authentication,
 * https://elevenlabs.io/docs/models#concurrency-and-priority
 *
 * Requests at a time are limited, not requests a minute. Characters are counted by account, and a key may have a quota of its own;
 * both are told with 401. Voices belong to a workspace.
 */
export const elevenlabs: Provider = {
  name: "elevenlabs",
  origins: ["https://api.elevenlabs.io"],
  baseURL: "https://api.elevenlabs.io/v1",
  credential: { header: "xi-api-key" },
  sharedBy: "account",
  errors: [
    // Another workspace may have it.
    {
      field: ["detail.status", "voice_not_found"],
      verdict: { kind: "bad_request", scope: "request", sharedBy: "account", failover: true },
    },
    {
      field: ["detail.status", "only_for_creator+"],
      verdict: { kind: "forbidden", scope: "request", sharedBy: "account" },
    },
  ],
  probe: { method: "GET", path: "/user/subscription", proves: "credential" },
};
