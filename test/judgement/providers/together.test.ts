import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { together } from "../../../src/judgement/providers/together.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: together });

describe("together", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "too many requests by the type beside the error",
      {
        status: 429,
        headers: { "x-ratelimit-reset": "3" },
        body: {
          error: { message: "Request rate limit reached for this model.", error_type: "dynamic_request_limited" },
        },
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", dimension: "requests", retryAfterMs: 3_000 },
    ],
    [
      "503 without words as the platform's",
      { status: 503, body: { error: { message: "Service unavailable", type: "service_unavailable" } } },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "403 as a request that is too long",
      {
        status: 403,
        body: {
          error: { message: "Input token count + `max_tokens` must be less than the length the model supports." },
        },
      },
      { kind: "context_length", scope: "request", dimension: "tokens", failover: false },
    ],
    [
      "403 that speaks of the key as the key's",
      { status: 403, body: { error: { message: "This API key has no permission for this token." } } },
      { kind: "forbidden", scope: "key", failover: true },
    ],
    [
      "the reset of a success as no limit",
      { status: 200, headers: { "x-ratelimit-reset": "1" }, body: { choices: [] } },
      { kind: "none", window: null, retryAfterMs: null },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
