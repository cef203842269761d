import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { modelscope } from "../../../src/judgement/providers/modelscope.ts";
import type { Classification } from "../../../src/types.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const now = Date.parse("2026-11-20T12:00:20Z");
const classifier = new ErrorClassifier({ provider: modelscope });

describe("modelscope", () => {
  it.each<[string, Answer, Partial<Classification>]>([
    [
      "the account's calls of the day as spent until midnight in Shanghai",
      {
        status: 429,
        headers: {
          "modelscope-ratelimit-requests-limit": "2000",
          "modelscope-ratelimit-requests-remaining": "0",
          "modelscope-ratelimit-model-requests-remaining": "12",
        },
        body: { errors: { message: "Request limit exceeded." }, request_id: "r" },
      },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        retryAfterMs: 14_380_000,
        failover: true,
      },
    ],
    [
      "one model's calls of the day as that model's alone",
      {
        status: 429,
        headers: {
          "modelscope-ratelimit-requests-remaining": "1700",
          "modelscope-ratelimit-model-requests-remaining": "0",
        },
        body: { errors: { message: "Request limit exceeded." } },
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "day", retryAfterMs: 14_380_000 },
    ],
    [
      "the same said in words",
      {
        status: 429,
        body: {
          errors: { message: "You have exceeded today's quota for model Qwen/Qwen3-32B, please try again tomorrow" },
        },
      },
      { kind: "rate_limit", scope: "model", window: "day", dimension: "requests", retryAfterMs: 14_380_000 },
    ],
    [
      "a throttle while calls are left as nothing that lasts a day",
      {
        status: 429,
        headers: { "modelscope-ratelimit-requests-remaining": "1700" },
        body: { errors: { message: "Request limit exceeded." } },
      },
      { kind: "rate_limit", scope: "account", window: null, dimension: "requests", retryAfterMs: null },
    ],
    [
      "an account that is not set up as no fault of the token",
      { status: 401, body: { errors: { message: "Please bind your Alibaba Cloud account before use." } } },
      { kind: "forbidden", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a model nobody serves as no matter of accounts",
      { status: 400, body: { errors: { message: "Model id: a/b, has no provider supported" } } },
      { kind: "bad_request", scope: "model", sharedBy: "provider", failover: false },
    ],
    [
      "an answer with choices as success",
      { status: 200, body: { choices: [{ message: { content: "today's quota" } }], usage: null } },
      { kind: "none" },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(classifier.classify({ ...answer, now })).toMatchObject(expected);
  });
});
