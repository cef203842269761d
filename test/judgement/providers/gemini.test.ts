import { describe, expect, it } from "vitest";
import { gemini } from "../../../src/judgement/providers/gemini.ts";
import { judgeWith, noon, type Row } from "./judge-with.ts";

const judge = judgeWith(gemini);
const exhausted = (message: string, quotaId?: string, retryDelay?: string) => ({
  error: {
    code: 429,
    message,
    status: "RESOURCE_EXHAUSTED",
    details: [
      ...(quotaId === undefined
        ? []
        : [
            {
              "@type": "type.googleapis.com/google.rpc.QuotaFailure",
              violations: [
                {
                  quotaMetric: "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count",
                  quotaId,
                },
              ],
            },
          ]),
      ...(retryDelay === undefined ? [] : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }]),
    ],
  },
});
const denied = (status: number, name: string, message: string, reason?: string) => ({
  status,
  body: {
    error: {
      code: status,
      message,
      status: name,
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "googleapis.com" }],
    },
  },
});
const usualWords = "You exceeded your current quota, please check your plan and billing details.";
const untilMidnightInCalifornia = Date.parse("2026-11-21T08:00:00Z") - noon;

describe("gemini", () => {
  it.each<Row>([
    [
      "a day's tokens, whatever delay is stated",
      { status: 429, body: exhausted(usualWords, "GenerateContentInputTokensPerModelPerDay", "25s") },
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "project",
        window: "day",
        dimension: "tokens",
        retryAfterMs: untilMidnightInCalifornia,
      },
    ],
    [
      "a day's limit of the whole project",
      { status: 429, body: exhausted(usualWords, "GenerateRequestsPerDayPerProject", "38s") },
      { kind: "rate_limit", scope: "account", sharedBy: "project", retryAfterMs: untilMidnightInCalifornia },
    ],
    [
      "a limit in the list of the OpenAI-compatible surface",
      { status: 429, body: [exhausted(usualWords, "GenerateContentInputTokensPerModelPerMinute-FreeTier", "9s")] },
      { kind: "rate_limit", scope: "model", window: "minute", dimension: "tokens", retryAfterMs: 9000 },
    ],
    [
      "a limit that is not described",
      { status: 429, body: exhausted(usualWords) },
      { kind: "rate_limit", scope: "model", sharedBy: "project", retryAfterMs: null },
    ],
    [
      "a model that the tier does not have, though a delay is stated",
      {
        status: 429,
        body: exhausted(
          `${usualWords} * Quota exceeded for metric: x_requests, limit: 0`,
          "GenerateRequestsPerDayPerProjectPerModel",
          "12s",
        ),
      },
      { kind: "quota_exhausted", scope: "model", window: null, retryAfterMs: null, failover: true },
    ],
    [
      "a project's spending cap",
      { status: 429, body: exhausted("Your project has exceeded its monthly spending cap.") },
      { kind: "quota_exhausted", scope: "account", sharedBy: "project", window: "month", disableKey: false },
    ],
    [
      "an expired key",
      denied(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", "API_KEY_INVALID"),
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "a suspended key",
      denied(
        403,
        "PERMISSION_DENIED",
        "Permission denied: Consumer 'api_key:x' has been suspended.",
        "CONSUMER_SUSPENDED",
      ),
      { kind: "invalid_key", failover: true, disableKey: true },
    ],
    [
      "an API that is not enabled",
      denied(
        403,
        "PERMISSION_DENIED",
        "Generative Language API has not been used in project 1 before or it is disabled.",
        "SERVICE_DISABLED",
      ),
      { kind: "forbidden", scope: "account", sharedBy: "project", failover: true, disableKey: false },
    ],
    [
      "a place that is not served",
      denied(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
      { kind: "forbidden", scope: "ip", failover: false },
    ],
    [
      "a key where an access token belongs",
      denied(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other.",
      ),
      { kind: "invalid_key", disableKey: false },
    ],
    [
      "an answer stopped for safety",
      {
        status: 200,
        body: { candidates: [{ finishReason: "SAFETY", index: 0 }], usageMetadata: { promptTokenCount: 4 } },
      },
      { kind: "content_filter", scope: "request", failover: false },
    ],
    [
      "an answer",
      { status: 200, body: { candidates: [{ content: { parts: [{ text: "limit: 0" }] }, finishReason: "STOP" }] } },
      { kind: "none" },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
