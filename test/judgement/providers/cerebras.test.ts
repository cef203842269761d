import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { cerebras } from "../../../src/judgement/providers/cerebras.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: cerebras });

describe("cerebras", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "requests a minute by the code",
      {
        status: 429,
        body: {
          message: "Requests per minute limit exceeded - too many requests sent.",
          type: "too_many_requests_error",
          param: "quota",
          code: "request_quota_exceeded",
        },
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "tokens a minute with the reset of that minute",
      {
        status: 429,
        headers: {
          "x-ratelimit-remaining-tokens-minute": "120",
          "x-ratelimit-reset-tokens-minute": "11.5",
          "x-ratelimit-remaining-tokens-day": "900000",
          "x-ratelimit-reset-tokens-day": "33011.38",
        },
        body: {
          message: "Tokens per minute limit exceeded - too many tokens processed.",
          type: "too_many_tokens_error",
          code: "token_quota_exceeded",
        },
      },
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "tokens", retryAfterMs: 11_500 },
    ],
    [
      "requests an hour at zero by the header",
      {
        status: 429,
        headers: {
          "x-ratelimit-remaining-requests-minute": "3",
          "x-ratelimit-remaining-requests-hour": "0",
          "x-ratelimit-reset-requests-hour": "1200.25",
        },
        body: { message: "Limit exceeded.", type: "too_many_requests_error", code: "request_quota_exceeded" },
      },
      { kind: "rate_limit", window: "hour", dimension: "requests", retryAfterMs: 1_200_250 },
    ],
    [
      "a full queue as overload, whatever its words",
      { status: 429, body: { message: "Try later.", type: "too_many_requests_error", code: "queue_exceeded" } },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "the longer of two empty counters in a success",
      {
        status: 200,
        headers: {
          "x-ratelimit-remaining-requests-minute": "0",
          "x-ratelimit-reset-requests-minute": "4.25",
          "x-ratelimit-remaining-tokens-day": "0",
          "x-ratelimit-reset-tokens-day": "33011.38",
        },
        body: { choices: [] },
      },
      { kind: "none", window: "day", dimension: "tokens", retryAfterMs: 33_011_380 },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
