import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { perplexity } from "../../../src/judgement/providers/perplexity.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: perplexity });

describe("perplexity", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "a 401 for spent credits as the account's",
      {
        status: 401,
        body: { error: { message: "You exceeded your current quota.", type: "insufficient_quota", code: 401 } },
      },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "the same when only the words say so",
      { status: 401, body: { error: { message: "insufficient_quota: please check your plan", code: 401 } } },
      { kind: "quota_exhausted", scope: "account", disableKey: false },
    ],
    [
      "a wrong key as dead",
      { status: 401, body: { error: { message: "Invalid API key provided.", type: "invalid_api_key", code: 401 } } },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "429 without a body as requests a minute",
      { status: 429 },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "a stated wait as the delay",
      { status: 429, headers: { "retry-after": "7" }, body: { error: { message: "Rate limit exceeded", code: 429 } } },
      { kind: "rate_limit", retryAfterMs: 7_000 },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
