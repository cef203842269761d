import { describe, expect, it } from "vitest";
import { huggingface } from "../../../src/judgement/providers/huggingface.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(huggingface);

describe("huggingface", () => {
  it.each<Row>([
    [
      "the Hub's window by its structured field",
      {
        status: 429,
        headers: { ratelimit: '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300' },
        body: { error: "Too Many Requests" },
      },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "minute",
        dimension: "requests",
        retryAfterMs: 55_000,
      },
    ],
    [
      "a request without a token",
      {
        status: 429,
        body: "We had to rate limit your IP (192.0.2.1). To continue using our service, create a HF account.",
      },
      { kind: "rate_limit", scope: "ip", sharedBy: "ip", failover: false },
    ],
    [
      "a model that is being loaded",
      { status: 503, body: { error: "Model x is currently loading", estimated_time: 20.5 } },
      { kind: "overloaded", scope: "model", retryAfterMs: 20_500, failover: false, retryable: true },
    ],
    [
      "a model that is being loaded, inside a success",
      { status: 200, body: { error: "Model x is currently loading", estimated_time: 8 } },
      { kind: "overloaded", scope: "model", retryAfterMs: 8000 },
    ],
    [
      "credits under other words",
      { status: 402, body: { error: "Credit balance is depleted. Pre-paid credits are required." } },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a bare refusal as a limit of the account",
      { status: 429, body: "" },
      { kind: "rate_limit", scope: "account", retryAfterMs: null },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
