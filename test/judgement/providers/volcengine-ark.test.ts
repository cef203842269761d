import { describe, expect, it } from "vitest";
import { volcengineArk } from "../../../src/judgement/providers/volcengine-ark.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(volcengineArk);
const error = (code: string, type = "TooManyRequests", message = "The request failed.") => ({
  error: { code, type, message },
});
const limited = (code: string, message?: string) => ({ status: 429, body: error(code, "TooManyRequests", message) });

describe("volcengineArk", () => {
  it.each<Row>([
    [
      "requests a minute of an endpoint",
      limited("RateLimitExceeded.EndpointRPMExceeded"),
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "tokens a minute of a model",
      limited("ModelAccountTpmRateLimitExceeded"),
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "tokens" },
    ],
    [
      "images a minute of a model",
      limited("ModelAccountIpmRateLimitExceeded"),
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "requests" },
    ],
    [
      "the account's own rate",
      limited("AccountRateLimitExceeded"),
      { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" },
    ],
    ["a burst", limited("RequestBurstTooFast"), { kind: "rate_limit", scope: "model", retryable: true }],
    [
      "a model's free allowance",
      limited("QuotaExceeded", "Your account has exhausted its free trial quota for the model."),
      { kind: "quota_exhausted", scope: "model", sharedBy: "account", failover: true, disableKey: false },
    ],
    [
      "a plan's window with its end",
      limited(
        "AccountQuotaExceeded",
        "You have exceeded the 5-hour usage quota. It will reset at 2026-11-20 21:30:00 +0800 CST.",
      ),
      { kind: "rate_limit", scope: "account", sharedBy: "account", window: "hour", retryAfterMs: 5_400_000 },
    ],
    [
      "an endpoint that is not there for this account",
      { status: 404, body: error("InvalidEndpointOrModel.NotFound", "NotFound") },
      { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "a missing permission",
      { status: 403, body: error("AccessDenied", "Forbidden") },
      { kind: "forbidden", scope: "key", failover: true, disableKey: false },
    ],
    [
      "text that was found sensitive",
      {
        status: 400,
        body: error(
          "InputTextSensitiveContentDetected",
          "BadRequest",
          "The request failed because the input text may contain sensitive information.",
        ),
      },
      { kind: "content_filter", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
