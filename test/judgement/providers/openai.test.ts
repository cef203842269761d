import { describe, expect, it } from "vitest";
import { openai } from "../../../src/judgement/providers/openai.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(openai);
const error = (message: string, code: string | null, type: string) => ({ error: { message, type, param: null, code } });

describe("openai", () => {
  it.each<Row>([
    [
      "a day's requests",
      {
        status: 429,
        headers: { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7m12s" },
        body: error(
          "Rate limit reached for o3 in organization org-x on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.",
          "rate_limit_exceeded",
          "requests",
        ),
      },
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        retryAfterMs: 432_000,
      },
    ],
    [
      "an empty token counter beside a full request counter",
      {
        status: 429,
        headers: {
          "x-ratelimit-remaining-requests": "10",
          "x-ratelimit-reset-requests": "1h0m0s",
          "x-ratelimit-remaining-tokens": "0",
          "x-ratelimit-reset-tokens": "450ms",
        },
        body: error("Rate limit reached", "rate_limit_exceeded", "tokens"),
      },
      { kind: "rate_limit", scope: "model", dimension: "tokens", retryAfterMs: 450 },
    ],
    [
      "a spent quota",
      { status: 429, body: error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota") },
      { kind: "quota_exhausted", scope: "account", window: "month", retryAfterMs: null, disableKey: false },
    ],
    [
      "a project's spend limit",
      { status: 429, body: error("Limit reached.", "project_spend_limit_exceeded", "insufficient_quota") },
      { kind: "quota_exhausted", scope: "account", sharedBy: "project", window: "month", failover: true },
    ],
    [
      "an organization's usage limit",
      { status: 429, body: error("Limit reached.", "organization_usage_limit_exceeded", "insufficient_quota") },
      { kind: "quota_exhausted", scope: "account", window: "month" },
    ],
    [
      "a billing limit under 400",
      {
        status: 400,
        body: error("Billing hard limit has been reached.", "billing_hard_limit_reached", "invalid_request_error"),
      },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a country that is not served",
      {
        status: 403,
        body: error("Country not supported", "unsupported_country_region_territory", "request_forbidden"),
      },
      { kind: "forbidden", scope: "ip", failover: false },
    ],
    [
      "too much load",
      { status: 503, body: error("The server is overloaded.", "server_is_overloaded", "server_error") },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "a spent quota inside a stream",
      {
        status: 200,
        headers: { "content-type": "text/event-stream" },
        body: 'event: response.failed\ndata: {"type":"response.failed","response":{"status":"failed","error":{"code":"insufficient_quota","message":"You exceeded your current quota."}}}\n\n',
      },
      { kind: "quota_exhausted", scope: "account", failover: true },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
