import { describe, expect, it } from "vitest";
import { kimiCoding } from "../../../src/judgement/providers/kimi-coding.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(kimiCoding);
const refused = (message: string, type = "permission_error") => ({ status: 403, body: { error: { type, message } } });

describe("kimiCoding", () => {
  it.each<Row>([
    [
      "the billing cycle",
      refused(
        "You've reached your usage limit for this billing cycle. Your quota will be refreshed in the next cycle.",
      ),
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "month",
        retryable: false,
        failover: true,
        disableKey: false,
      },
    ],
    [
      "the week under another type",
      refused(
        "You've reached your weekly (7-day) usage limit. Your quota will reset when it ends.",
        "access_terminated_error",
      ),
      { kind: "rate_limit", scope: "account", window: "day", retryAfterMs: null },
    ],
    [
      "a window that is not named",
      { status: 429, body: { error: { message: "You've reached your usage limit for this period" } } },
      { kind: "rate_limit", scope: "account", window: null },
    ],
    [
      "a model that is not part of the plan",
      refused("You do not have access to model kimi-for-coding-highspeed"),
      { kind: "forbidden", scope: "model", sharedBy: "account", failover: true, disableKey: false },
    ],
    [
      "a client that may not ask",
      refused(
        "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI.",
        "access_terminated_error",
      ),
      { kind: "forbidden", scope: "request", failover: false },
    ],
    [
      "a membership that is on hold",
      refused("Access terminated. Review our guidelines.", "access_terminated_error"),
      { kind: "forbidden", scope: "account", failover: true, disableKey: false },
    ],
    [
      "its own load",
      { status: 429, body: { error: { message: "The engine is currently overloaded, please try again later" } } },
      { kind: "overloaded", failover: false },
    ],
    [
      "a service that has too much to do",
      {
        status: 429,
        body: {
          error: {
            type: "rate_limit_reached_error",
            message: "We're receiving too many requests at the moment. Please wait a moment and try again.",
          },
        },
      },
      { kind: "overloaded", failover: false, window: null, retryAfterMs: null },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
