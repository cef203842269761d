import { describe, expect, it } from "vitest";
import { githubModels } from "../../../src/judgement/providers/github-models.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(githubModels);
const limited = (what: string, headers: Record<string, string> = {}) => ({
  status: 429,
  headers,
  body: { error: { code: "RateLimitReached", message: `Rate limit of ${what} before retrying.` } },
});

describe("githubModels", () => {
  it.each<Row>([
    [
      "requests under way, which pass when one ends",
      limited("2 per 0s exceeded for UserConcurrentRequests. Please wait 0 seconds", { "retry-after": "0" }),
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: null,
        dimension: "concurrency",
        retryAfterMs: 0,
      },
    ],
    [
      "all models together",
      limited("24 per 60s exceeded for UserByMinute. Please wait 9 seconds"),
      { kind: "rate_limit", scope: "account", window: "minute", dimension: "requests", retryAfterMs: 9000 },
    ],
    [
      "a day by the header alone",
      {
        status: 429,
        headers: { "x-ratelimit-type": "UserByModelByDay", "x-ratelimit-timeremaining": "5631" },
        body: "",
      },
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        retryAfterMs: 5_631_000,
      },
    ],
    [
      "another number a day",
      limited("8 per 86400s exceeded for UserByModelByDay. Please wait 40000 seconds"),
      { kind: "rate_limit", scope: "model", window: "day", retryAfterMs: 40_000_000 },
    ],
    [
      "a body beyond the tier's tokens",
      {
        status: 413,
        body: {
          error: {
            code: "tokens_limit_reached",
            message: "Request body too large for gpt-4o model. Max size: 8000 tokens.",
          },
        },
      },
      { kind: "context_length", dimension: "tokens", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
