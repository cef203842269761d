import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { groq } from "../../../src/judgement/providers/groq.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: groq });

describe("groq", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "tokens a day by the body, not by the headers of other limits",
      {
        status: 429,
        headers: {
          "x-ratelimit-remaining-requests": "900",
          "x-ratelimit-reset-requests": "1m26.4s",
          "x-ratelimit-remaining-tokens": "5800",
          "x-ratelimit-reset-tokens": "2s",
        },
        body: {
          error: {
            message:
              "Rate limit reached for model `m` in organization `o` on tokens per day (TPD): Limit 100000, Used 99000, Requested 3000. Please try again in 11m0.528s.",
            type: "tokens",
            code: "rate_limit_exceeded",
          },
        },
      },
      { kind: "rate_limit", scope: "model", window: "day", dimension: "tokens", retryAfterMs: 660_528 },
    ],
    [
      "requests a day at zero by their header",
      {
        status: 429,
        headers: { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3s" },
        body: { error: { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded" } },
      },
      { kind: "rate_limit", scope: "model", window: "day", dimension: "requests", retryAfterMs: 3_723_000 },
    ],
    [
      "a request above its limit as one no wait helps",
      {
        status: 413,
        headers: { "retry-after": "60" },
        body: {
          error: {
            message:
              "Request too large for model `m` in organization `o` on tokens per minute (TPM): Limit 6000, Requested 9001, please reduce your message size and try again.",
            type: "tokens",
            code: "rate_limit_exceeded",
          },
        },
      },
      {
        kind: "context_length",
        scope: "model",
        window: "minute",
        retryAfterMs: null,
        retryable: false,
        failover: true,
      },
    ],
    ["498 without a body as overload", { status: 498 }, { kind: "overloaded", failover: false }],
    [
      "a wrong key as dead",
      {
        status: 401,
        body: { error: { message: "Invalid API Key", type: "invalid_request_error", code: "invalid_api_key" } },
      },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "the last call of the day in a success",
      {
        status: 200,
        headers: { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m26.4s" },
        body: { choices: [] },
      },
      { kind: "none", window: "day", dimension: "requests", retryAfterMs: 86_400 },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
