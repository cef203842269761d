import type { Provider } from "../../provider.ts";

/**
 * https://developers.deepgram.com/docs/errors, https://developers.deepgram.com/docs/working-with-concurrency-rate-limits,
 * https://developers.deepgram.com/reference/manage/projects/list
 *
 * What is limited are requests at a time, of a project and not of a key.
 */
export const deepgram: Provider = {
  name: "deepgram",
  origins: ["https://api.deepgram.com"],
  baseURL: "https://api.deepgram.com/v1",
  credential: { header: "authorization", scheme: "Token" },
  sharedBy: "project",
  errors: [{ status: 429, verdict: { kind: "rate_limit", window: null, dimension: "concurrency" } }],
  probe: { method: "GET", path: "/projects", proves: "credential" },
};
