import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { dashscope } from "../../../src/judgement/providers/dashscope.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: dashscope });

describe("dashscope", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "limit_requests as requests a minute",
      {
        status: 429,
        body: {
          error: {
            message: "You exceeded your current requests list.",
            type: "limit_requests",
            code: "limit_requests",
          },
        },
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "the native allocation quota as tokens a minute",
      {
        status: 429,
        body: {
          code: "Throttling.AllocationQuota",
          message: "Allocated quota exceeded, please increase your quota limit.",
        },
      },
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "tokens", retryable: true },
    ],
    [
      "a spent free allowance as one model's",
      {
        status: 403,
        body: { code: "AllocationQuota.FreeTierOnly", message: "The free tier of the model has been exhausted." },
      },
      { kind: "quota_exhausted", scope: "model", sharedBy: "account", failover: true, disableKey: false },
    ],
    [
      "an unpaid bill as the account's",
      { status: 400, body: { code: "PostpaidBillOverdue", message: "The postpaid bill is overdue." } },
      { kind: "quota_exhausted", scope: "account", retryable: false, disableKey: false },
    ],
    [
      "a wrong key as dead",
      { status: 401, body: { error: { message: "Incorrect API key provided.", code: "invalid_api_key" } } },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "flagged content as the request's",
      { status: 400, body: { code: "DataInspectionFailed", message: "Input data may contain inappropriate content." } },
      { kind: "content_filter", scope: "request", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
