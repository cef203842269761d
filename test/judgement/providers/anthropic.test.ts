import { describe, expect, it } from "vitest";
import { anthropic } from "../../../src/judgement/providers/anthropic.ts";
import { judgeWith, noon, type Row } from "./judge-with.ts";

const judge = judgeWith(anthropic);
const error = (type: string, message: string) => ({ type: "error", error: { type, message } });
const epochSeconds = (delaySeconds: number) => String(noon / 1000 + delaySeconds);

describe("anthropic", () => {
  it.each<Row>([
    [
      "input tokens by their counter",
      {
        status: 429,
        headers: {
          "anthropic-ratelimit-requests-remaining": "49",
          "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:01Z",
          "anthropic-ratelimit-input-tokens-remaining": "0",
          "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:20Z",
        },
        body: error("rate_limit_error", "Too much."),
      },
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "minute",
        dimension: "tokens",
        retryAfterMs: 20_000,
      },
    ],
    [
      "the stated wait before a counter's reset",
      {
        status: 429,
        headers: {
          "retry-after": "12",
          "anthropic-ratelimit-requests-remaining": "0",
          "anthropic-ratelimit-requests-reset": "2026-11-20T12:01:00Z",
        },
        body: error(
          "rate_limit_error",
          "This request would exceed your organization's rate limit of 50 requests per minute.",
        ),
      },
      { kind: "rate_limit", window: "minute", dimension: "requests", retryAfterMs: 12_000 },
    ],
    [
      "connections under way",
      {
        status: 429,
        body: error("rate_limit_error", "Number of concurrent connections has exceeded your rate limit."),
      },
      { kind: "rate_limit", scope: "model", dimension: "concurrency" },
    ],
    [
      "a subscription's window that ends later than the stated wait",
      {
        status: 429,
        headers: {
          "retry-after": "30",
          "anthropic-ratelimit-unified-status": "rejected",
          "anthropic-ratelimit-unified-reset": epochSeconds(7200),
        },
        body: error("rate_limit_error", "This request would exceed your account's rate limit."),
      },
      { kind: "rate_limit", scope: "account", sharedBy: "account", retryAfterMs: 7_200_000, failover: true },
    ],
    [
      "a subscription's five hours",
      {
        status: 429,
        headers: {
          "anthropic-ratelimit-unified-status": "rejected",
          "anthropic-ratelimit-unified-5h-status": "rejected",
          "anthropic-ratelimit-unified-5h-reset": epochSeconds(600),
          "anthropic-ratelimit-unified-7d-status": "allowed",
          "anthropic-ratelimit-unified-7d-reset": epochSeconds(300_000),
        },
        body: error("rate_limit_error", "Error"),
      },
      { kind: "rate_limit", scope: "account", window: "hour", retryAfterMs: 600_000 },
    ],
    [
      "a subscription's week",
      {
        status: 429,
        headers: {
          "anthropic-ratelimit-unified-5h-status": "allowed",
          "anthropic-ratelimit-unified-7d-status": "rejected",
          "anthropic-ratelimit-unified-7d-reset": epochSeconds(300_000),
        },
        body: error("rate_limit_error", "Error"),
      },
      { kind: "rate_limit", scope: "account", window: "day", retryAfterMs: 300_000_000 },
    ],
    [
      "a spend cap without a date",
      { status: 400, body: error("invalid_request_error", "You have reached your specified API usage limits.") },
      { kind: "quota_exhausted", window: "month", retryAfterMs: Date.parse("2026-12-01T00:00:00Z") - noon },
    ],
    [
      "an empty balance",
      {
        status: 400,
        body: error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
      },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a bill under 402",
      { status: 402, body: error("billing_error", "There is an issue with billing.") },
      { kind: "quota_exhausted", scope: "account", failover: true },
    ],
    [
      "a subscription's token that ran out",
      { status: 401, body: error("authentication_error", "OAuth token has expired.") },
      { kind: "invalid_key", failover: true, disableKey: false },
    ],
    [
      "a request too large",
      { status: 413, body: error("request_too_large", "Request exceeds the maximum size") },
      { kind: "bad_request", scope: "request", failover: false },
    ],
    [
      "too much load inside a stream",
      {
        status: 200,
        body: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
