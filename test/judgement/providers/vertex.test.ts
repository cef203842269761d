import { describe, expect, it } from "vitest";
import { vertex } from "../../../src/judgement/providers/vertex.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(vertex);
const error = (code: number, status: string, message: string) => ({ error: { code, message, status } });

describe("vertex", () => {
  it.each<Row>([
    [
      "shared capacity used up",
      { status: 429, body: error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.") },
      { kind: "overloaded", scope: "provider", retryAfterMs: null, failover: false },
    ],
    [
      "shared capacity used up inside a stream",
      { status: 200, body: [error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.")] },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "throughput of one's own used up",
      {
        status: 429,
        body: error(429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput."),
      },
      { kind: "rate_limit", scope: "model", sharedBy: "project", failover: true },
    ],
    [
      "a quota on tokens",
      {
        status: 429,
        body: error(
          429,
          "RESOURCE_EXHAUSTED",
          "Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model with base model: x.",
        ),
      },
      { kind: "rate_limit", scope: "model", sharedBy: "project", window: "minute", dimension: "tokens" },
    ],
    [
      "a token that ran out",
      {
        status: 401,
        body: error(
          401,
          "UNAUTHENTICATED",
          "Request had invalid authentication credentials. Expected OAuth 2 access token.",
        ),
      },
      { kind: "invalid_key", scope: "key", failover: true, disableKey: false },
    ],
    [
      "an outage",
      { status: 503, body: error(503, "UNAVAILABLE", "The service is currently unavailable.") },
      { kind: "server_error", scope: "provider", failover: false },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
