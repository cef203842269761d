import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { deepseek } from "../../../src/judgement/providers/deepseek.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: deepseek });

describe("deepseek", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "an empty balance as the account's, whatever its code says",
      {
        status: 402,
        body: { error: { message: "Insufficient Balance", type: "unknown_error", code: "invalid_request_error" } },
      },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "too many at once as the account's concurrency, for that model",
      { status: 429, body: { error: { message: "Rate limit reached", type: "rate_limit_error" } } },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: null, dimension: "concurrency" },
    ],
    ["503 without a body as overload", { status: 503 }, { kind: "overloaded", scope: "provider", failover: false }],
    [
      "422 as the caller's",
      { status: 422, body: { error: { message: "Invalid Parameters" } } },
      { kind: "bad_request", failover: false },
    ],
    ["500 as an outage", { status: 500, body: "" }, { kind: "server_error", scope: "provider", failover: false }],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
