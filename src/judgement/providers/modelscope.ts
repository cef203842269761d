import type { Provider } from "../provider.ts";

/**
 * https://modelscope.cn/docs/model-service/API-Inference/intro,
 * https://github.com/modelscope/modelscope_hub/blob/main/tests/data/openapi.json (the second origin)
 *
 * Counted by calls a day, newer accounts by credits: answers of the newer kind carry no counters. `/v1/models` is public,
 * so the probe reads the balance, on the site's own origin, which takes the same access token. What an account gets has changed
 * with the credits, so there are no tiers here.
 */
export const modelscope: Provider = {
  name: "modelscope",
  origins: ["https://api-inference.modelscope.cn", "https://modelscope.cn"],
  hosts: ["api-inference.modelscope.cn"],
  protocols: [{ protocol: "openai" }, { protocol: "anthropic" }],
  baseURL: "https://api-inference.modelscope.cn/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  headers: [
    {
      dimension: "requests",
      window: "day",
      limit: "modelscope-ratelimit-requests-limit",
      remaining: "modelscope-ratelimit-requests-remaining",
      scope: "account",
    },
    {
      dimension: "requests",
      window: "day",
      limit: "modelscope-ratelimit-model-requests-limit",
      remaining: "modelscope-ratelimit-model-requests-remaining",
      scope: "model",
    },
  ],
  errors: [
    // An answer without an answer.
    { embedded: true, field: ["choices", null], verdict: { kind: "server_error" } },
    // Said of models that were taken down; the account's balance has nothing to do with it.
    { status: 429, words: "(1008)", verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" } },
    {
      status: 429,
      header: ["modelscope-ratelimit-requests-remaining", "0"],
      verdict: {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        reset: "day",
      },
    },
    {
      status: 429,
      header: ["modelscope-ratelimit-model-requests-remaining", "0"],
      verdict: {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        reset: "day",
      },
    },
    {
      status: 429,
      words: "today's quota for model",
      verdict: {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        reset: "day",
      },
    },
    {
      status: 429,
      words: ["today's quota", "try again tomorrow"],
      verdict: { kind: "rate_limit", window: "day", dimension: "requests", reset: "day" },
    },
    { status: 429, words: "request limit exceeded", verdict: { kind: "rate_limit", dimension: "requests" } },
    // Throttling or spent credits, in the words others use for an unpaid bill: both pass.
    { status: 429, code: "insufficient_quota", verdict: { kind: "rate_limit" } },
    { status: 429, words: "exceeded your current quota", verdict: { kind: "rate_limit" } },
    // The token is good; its account is not set up.
    {
      status: [401, 403],
      words: "bind your alibaba cloud account",
      verdict: { kind: "forbidden", scope: "account", sharedBy: "account" },
    },
    { status: 401, words: "valid modelscope token", verdict: { kind: "invalid_key", isDefinitive: true } },
    {
      status: 400,
      words: "no provider supported",
      verdict: { kind: "bad_request", scope: "model", sharedBy: "provider" },
    },
  ],
  dayZone: "Asia/Shanghai",
  probe: { method: "GET", path: "https://modelscope.cn/openapi/v1/magicubes/balance", proves: "credential" },
  request: { modelField: "model", streamField: "stream" },
  usage: {
    input: ["usage.prompt_tokens"],
    output: ["usage.completion_tokens"],
    total: ["usage.total_tokens"],
    asked: true,
  },
  stream: { preamble: [], terminal: ["[DONE]"] },
  errorsInside200: true,
  repeatsServerErrors: true,
  errorShape: "openai",
};
