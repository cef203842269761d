import { describe, expect, it } from "vitest";
import { azureOpenai } from "../../../src/judgement/providers/azure-openai.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(azureOpenai);
const exceeded = (rate: string) =>
  `Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded ${rate} of your current OpenAI S0 pricing tier.`;

describe("azure-openai", () => {
  it.each<Row>([
    [
      "the token rate under a numeric code",
      {
        status: 429,
        headers: { "retry-after": "7", "retry-after-ms": "6800" },
        body: { error: { code: "429", message: exceeded("token rate limit") } },
      },
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "minute",
        dimension: "tokens",
        retryAfterMs: 6800,
      },
    ],
    [
      "the call rate",
      {
        status: 429,
        body: {
          error: { code: "RateLimitReached", message: `${exceeded("call rate limit")} Please retry after 2 seconds.` },
        },
      },
      {
        kind: "rate_limit",
        scope: "model",
        window: "minute",
        dimension: "requests",
        retryAfterMs: 2000,
        failover: true,
      },
    ],
    [
      "a token rate of API Management",
      { status: 429, body: { statusCode: 429, message: "Token limit is exceeded. Try again in 44 seconds." } },
      { kind: "rate_limit", dimension: "tokens", retryAfterMs: 44_000 },
    ],
    [
      "a token quota of API Management",
      { status: 403, body: { statusCode: 403, message: "Token quota is exceeded. Try again in 3 hours." } },
      { kind: "quota_exhausted", dimension: "tokens", retryAfterMs: 10_800_000, failover: true, disableKey: false },
    ],
    [
      "a resource that is full, though others may not be",
      { status: 503, body: { error: { code: "503", message: "The service is temporarily overloaded." } } },
      { kind: "overloaded", failover: true },
    ],
    [
      "a resource that names a wait",
      { status: 503, headers: { "retry-after": "9" }, body: "" },
      { kind: "overloaded", retryAfterMs: 9000, failover: true },
    ],
    [
      "a resource that fails, though others may not",
      { status: 500, body: { error: { code: "InternalServerError", message: "Internal server error" } } },
      { kind: "server_error", failover: true },
    ],
    [
      "an Entra token that ran out",
      {
        status: 401,
        body: {
          error: { code: "401", message: "Access token is missing, invalid, audience is incorrect, or have expired." },
        },
      },
      { kind: "invalid_key", failover: true, disableKey: false },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });

  it("does not send a request elsewhere that may have been executed", () => {
    expect(judge({ status: 504, body: "" })).toMatchObject({ kind: "timeout", failover: false });
  });
});
