import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { xai } from "../../../src/judgement/providers/xai.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: xai });

describe("xai", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "spent credits as the team's, with 429 too",
      {
        status: 429,
        body: {
          code: "Some resource has been exhausted",
          error: "Your team t has either used all available credits or reached its monthly spending limit.",
        },
      },
      { kind: "quota_exhausted", scope: "account", sharedBy: "account", window: "month", retryable: false },
    ],
    [
      "too many requests as the team's for that model",
      { status: 429, body: { code: "Some resource has been exhausted", error: "Too many requests" } },
      { kind: "rate_limit", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "requests a second by the words",
      {
        status: 429,
        body: { code: "Some resource has been exhausted", error: "Too many requests per second for team t" },
      },
      { kind: "rate_limit", scope: "model", window: "second", dimension: "requests" },
    ],
    [
      "another bad argument as the caller's",
      { status: 400, body: { code: "Client specified an invalid argument", error: "Unknown field" } },
      { kind: "bad_request", failover: false },
    ],
    [
      "a 403 without credits in it as the key's",
      {
        status: 403,
        body: { code: "The caller does not have permission to execute the specified operation", error: "No access" },
      },
      { kind: "forbidden", scope: "key", disableKey: false },
    ],
    [
      "what a disabled key is told of itself as a refusal, though it succeeds",
      { status: 200, body: { api_key_disabled: true, api_key_blocked: false, team_blocked: false } },
      { kind: "invalid_key", scope: "key", disableKey: false },
    ],
    [
      "what a blocked key is told of itself as a refusal",
      { status: 200, body: { api_key_disabled: false, api_key_blocked: true, team_blocked: false } },
      { kind: "forbidden", scope: "key", disableKey: false },
    ],
    [
      "what a key of a blocked team is told of itself as the team's",
      { status: 200, body: { api_key_disabled: false, api_key_blocked: false, team_blocked: true } },
      { kind: "forbidden", scope: "account", sharedBy: "account" },
    ],
    [
      "what a good key is told of itself as good",
      { status: 200, body: { api_key_disabled: false, api_key_blocked: false, team_blocked: false } },
      { kind: "none" },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
