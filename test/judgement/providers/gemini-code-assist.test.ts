import { describe, expect, it } from "vitest";
import { geminiCodeAssist } from "../../../src/judgement/providers/gemini-code-assist.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(geminiCodeAssist);
const exhausted = (reason: string, message: string, metadata: object) => ({
  error: {
    code: 429,
    message,
    status: "RESOURCE_EXHAUSTED",
    details: [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "cloudcode-pa.googleapis.com", metadata },
    ],
  },
});

describe("gemini-code-assist", () => {
  it.each<Row>([
    [
      "a quota that says how long it lasts in its metadata only",
      {
        status: 429,
        body: exhausted("QUOTA_EXHAUSTED", "You have exhausted your capacity on this model.", {
          quotaResetDelay: "2h36m24.5s",
        }),
      },
      { kind: "rate_limit", scope: "model", sharedBy: "account", retryAfterMs: 9_384_500, failover: true },
    ],
    [
      "a quota that says when it ends",
      {
        status: 429,
        body: exhausted("QUOTA_EXHAUSTED", "You have exhausted your capacity on this model.", {
          quotaResetTimeStamp: "2026-11-20T15:00:00Z",
        }),
      },
      { kind: "rate_limit", scope: "model", retryAfterMs: 10_800_000 },
    ],
    [
      "a quota in a list, with the wait in words",
      {
        status: 429,
        body: [
          exhausted(
            "QUOTA_EXHAUSTED",
            "You have exhausted your capacity on this model. Your quota will reset after 3s.",
            {},
          ),
        ],
      },
      { kind: "rate_limit", scope: "model", retryAfterMs: 3000 },
    ],
    [
      "a model without capacity for anybody",
      {
        status: 429,
        body: exhausted("MODEL_CAPACITY_EXHAUSTED", "No capacity available for model gemini-2.5-pro on the server", {}),
      },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "a token that ran out",
      { status: 401, body: { error: { code: 401, message: "Invalid Credentials", status: "UNAUTHENTICATED" } } },
      { kind: "invalid_key", failover: true, disableKey: false },
    ],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
