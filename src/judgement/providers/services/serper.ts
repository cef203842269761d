import type { Provider } from "../../provider.ts";

/**
 * https://serper.dev (keys and header), https://github.com/crewAIInc/crewAI/issues/633 and
 * https://github.com/MiroMindAI/MiroFlow/issues/7 (what a wrong key is answered)
 *
 * A wrong key is told with 403, spent credits with 400. There is no page of errors, and nothing free is documented that proves a key.
 */
export const serper: Provider = {
  name: "serper",
  origins: ["https://google.serper.dev"],
  baseURL: "https://google.serper.dev",
  credential: { header: "x-api-key" },
  errors: [{ status: 403, words: "unauthorized", verdict: { kind: "invalid_key" } }],
};
