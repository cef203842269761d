import { describe, expect, it } from "vitest";
import { moonshot } from "../../../src/judgement/providers/moonshot.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(moonshot);
const error = (type: string, message: string) => ({ error: { type, message } });
const reached = (what: string) => error("rate_limit_reached_error", `Your account request reached ${what}`);

describe("moonshot", () => {
  it.each<Row>([
    [
      "requests a minute",
      { status: 429, body: reached("max organization RPM: 3, please try again after 12 seconds") },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "minute",
        dimension: "requests",
        retryAfterMs: 12_000,
      },
    ],
    [
      "tokens a minute",
      { status: 429, body: reached("TPM rate limit, current: 32000, limit: 32000") },
      { kind: "rate_limit", scope: "account", window: "minute", dimension: "tokens", retryAfterMs: null },
    ],
    [
      "tokens a day",
      { status: 429, body: reached("TPD rate limit, current: 1505241, limit: 1500000") },
      { kind: "rate_limit", scope: "account", window: "day", dimension: "tokens" },
    ],
    [
      "its own load as nobody's quota",
      {
        status: 429,
        body: error("engine_overloaded_error", "The engine is currently overloaded, please try again later"),
      },
      { kind: "overloaded", scope: "provider", failover: false, retryable: true },
    ],
    [
      "an account without balance by its type",
      { status: 429, body: error("exceeded_current_quota_error", "Your account is not active") },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "an input that is too long",
      { status: 400, body: error("invalid_request_error", "Input token length too long") },
      { kind: "context_length", dimension: "tokens", failover: false },
    ],
    [
      "a rejected prompt",
      { status: 400, body: error("content_filter", "The request was rejected because it was considered high risk") },
      { kind: "content_filter", failover: false },
    ],
    [
      "a wrong key",
      { status: 401, body: error("incorrect_api_key_error", "Incorrect API key provided") },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "a key that worked and is refused without a reason",
      {
        status: 401,
        body: error("invalid_authentication_error", "Invalid Authentication"),
        context: { everSucceeded: true },
      },
      { kind: "invalid_key", disableKey: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
