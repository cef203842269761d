import { describe, expect, it } from "vitest";
import { litellmProxy } from "../../../src/judgement/providers/litellm-proxy.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(litellmProxy);
const error = (message: string, code = "429", type = "None") => ({
  status: Number(code),
  body: { error: { message, type, param: "None", code } },
});

describe("litellmProxy", () => {
  it.each<Row>([
    [
      "a key's budget under the newer status",
      error("Budget has been exceeded! Current cost: 5.1, Max budget: 5.0", "429", "budget_exceeded"),
      { kind: "quota_exhausted", scope: "key", sharedBy: "key", failover: true, disableKey: false },
    ],
    [
      "a team's budget",
      error("Budget has been exceeded! Team=a Current cost: 0.062, Max budget: 0.06", "400", "budget_exceeded"),
      { kind: "quota_exhausted", scope: "account", sharedBy: "account", failover: true },
    ],
    [
      "deployments that all cool down",
      error("No deployments available for selected model, Try again in 60 seconds. Passed model=m."),
      { kind: "overloaded", scope: "model", retryAfterMs: 60_000, failover: false },
    ],
    [
      "a key's own limits",
      error(
        "LiteLLM Rate Limit Handler for rate limit type = key. Crossed TPM / RPM / Max Parallel Request Limit. current rpm: 1, rpm limit: 1",
      ),
      { kind: "rate_limit", scope: "key", window: "minute", dimension: null },
    ],
    [
      "a team's limits",
      error("LiteLLM Rate Limit Handler for rate limit type = team. Crossed TPM / RPM / Max Parallel Request Limit."),
      { kind: "rate_limit", scope: "account", window: "minute" },
    ],
    [
      "a limit that says when it ends",
      error(
        "Rate limit exceeded for api_key: a. Limit type: tokens. Current limit: 200, Remaining: 0. Limit resets at: 2026-11-20 12:00:41 UTC",
      ),
      { kind: "rate_limit", scope: "key", dimension: "tokens", retryAfterMs: 41_000 },
    ],
    [
      "the refusal of an API behind it",
      error(
        "litellm.RateLimitError: OpenAIException - Token limit is exceeded. Try again in 11 seconds. Received Model Group=m",
      ),
      { kind: "overloaded", scope: "model", retryAfterMs: 11_000, failover: false },
    ],
    [
      "a token it does not know",
      error("Authentication Error, Invalid proxy server token passed.", "401", "token_not_found_in_db"),
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "a model the key may not use",
      error("key not allowed to access model.", "401", "key_model_access_denied"),
      { kind: "forbidden", scope: "model", failover: true, disableKey: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
