import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { fireworks } from "../../../src/judgement/providers/fireworks.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: fireworks });

describe("fireworks", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "a suspended account as unpaid",
      {
        status: 412,
        body: { error: { message: "Account is suspended, check your billing.", code: "PRECONDITION_FAILED" } },
      },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "an adapter that does not load as the model's",
      { status: 412, body: { error: { message: "LoRA adapter failed to load" } } },
      { kind: "bad_request", scope: "model" },
    ],
    [
      "a model that is missing or not open as worth another account",
      {
        status: 404,
        body: { error: { message: "Model not found, inaccessible, and/or not deployed", code: "NOT_FOUND" } },
      },
      { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "403 as the key's",
      { status: 403, body: { error: { message: "Unauthorized" } } },
      { kind: "invalid_key", scope: "key", failover: true },
    ],
    [
      "generated tokens at zero as tokens a minute",
      {
        status: 429,
        headers: { "x-ratelimit-remaining-requests": "300", "x-ratelimit-remaining-tokens-generated": "0" },
        body: { error: { message: "Too Many Requests" } },
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "tokens" },
    ],
    ["503 as overload", { status: 503, body: "" }, { kind: "overloaded", failover: false }],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
