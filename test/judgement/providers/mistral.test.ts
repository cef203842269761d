import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { mistral } from "../../../src/judgement/providers/mistral.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: mistral });

describe("mistral", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "tokens of the minute as free again when the clock's minute ends",
      {
        status: 429,
        headers: { "x-ratelimit-remaining-req-minute": "12", "x-ratelimit-remaining-tokens-minute": "0" },
        body: { object: "error", message: "Rate limit exceeded", type: "rate_limited", code: "1300" },
      },
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "tokens", retryAfterMs: 40_000 },
    ],
    [
      "a refusal without headers the same",
      { status: 429, body: { message: "Requests rate limit exceeded" } },
      { kind: "rate_limit", scope: "model", sharedBy: "account", retryAfterMs: 40_000, failover: true },
    ],
    [
      "tokens of the month as nothing a minute mends",
      {
        status: 429,
        headers: { "x-ratelimit-remaining-tokens-month": "0", "x-ratelimit-remaining-req-minute": "0" },
        body: { object: "error", message: "Rate limit exceeded", type: "rate_limited", code: "1300" },
      },
      { kind: "rate_limit", window: "month", dimension: "tokens", retryAfterMs: null, retryable: false },
    ],
    [
      "the reset of the older headers",
      {
        status: 429,
        headers: { "ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "17" },
        body: { message: "Requests rate limit exceeded" },
      },
      { kind: "rate_limit", dimension: "tokens", retryAfterMs: 17_000 },
    ],
    [
      "a full service tier as overload, by its type alone",
      { status: 429, body: { object: "error", message: "Busy", type: "service_tier_capacity_exceeded" } },
      { kind: "overloaded", scope: "model", failover: false },
    ],
    [
      "a wrong key as refused",
      { status: 401, body: { detail: "Unauthorized" } },
      { kind: "invalid_key", scope: "key", failover: true },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
