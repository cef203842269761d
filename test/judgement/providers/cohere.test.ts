import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { cohere } from "../../../src/judgement/providers/cohere.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: cohere });

describe("cohere", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "tokens of a trial key",
      { status: 429, body: { message: "trial token rate limit exceeded, limit is 100000 tokens per minute" } },
      { kind: "rate_limit", scope: "account", window: "minute", dimension: "tokens", failover: true },
    ],
    [
      "another number of trial calls a month",
      { status: 429, body: { message: "You are using a Trial key, which is limited to 5000 API calls / month." } },
      { kind: "rate_limit", scope: "account", window: "month", dimension: "requests", retryable: false },
    ],
    [
      "the monthly bill as open until the month ends",
      { status: 402, body: { message: "Maximum billing reached for this API key as set in your dashboard." } },
      { kind: "quota_exhausted", scope: "account", window: "month", retryAfterMs: 907_180_000, disableKey: false },
    ],
    [
      "too many tokens as the request's length",
      { status: 400, body: { message: "too many tokens: total number of tokens in the prompt cannot exceed 4081" } },
      { kind: "context_length", scope: "request", dimension: "tokens", failover: false },
    ],
    [
      "a wrong key as dead",
      { status: 401, body: { message: "invalid api token" } },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "past the limit of a minute",
      { status: 429, body: { message: "You are past the per minute request limit, please wait and try again later." } },
      { kind: "rate_limit", scope: "account", window: "minute", retryable: true },
    ],
    [
      "a check that finds the key wrong as a refusal, though it succeeds",
      { status: 200, body: { valid: false } },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "a check that finds the key right as good",
      { status: 200, body: { valid: true, organization_id: "o", owner_id: "u" } },
      { kind: "none" },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
