import type { Provider } from "../provider.ts";

/**
 * https://docs.api.nvidia.com/nim/reference/llm-apis
 *
 * A 429 states nothing; the limit was seen to end after about 62 seconds. It is shown in the console only, and models differ
 * from it with the load, so there are no tiers here. `/models` is public.
 */
export const nvidiaNim: Provider = {
  name: "nvidia-nim",
  origins: ["https://integrate.api.nvidia.com"],
  protocols: [{ protocol: "openai" }],
  baseURL: "https://integrate.api.nvidia.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  headers: [],
  errors: [
    { status: 429, verdict: { kind: "rate_limit", reset: 62_000 } },
    // Accounts are entitled to models one by one.
    { status: 403, verdict: { kind: "forbidden", scope: "model", sharedBy: "account" } },
    {
      status: 404,
      words: "for account",
      verdict: { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    },
    // The deployment is sick, whatever the status says of the request.
    { status: 400, words: "degraded function", verdict: { kind: "overloaded", scope: "model", sharedBy: "provider" } },
    // Taken out of service.
    { status: 410, verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" } },
  ],
  probe: { method: "GET", path: "/models", proves: "nothing" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens"],
    output: ["usage.completion_tokens"],
    total: ["usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  repeatsServerErrors: true,
  errorShape: "openai",
};
