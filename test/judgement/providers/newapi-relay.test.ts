import { describe, expect, it } from "vitest";
import { newapiRelay } from "../../../src/judgement/providers/newapi-relay.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(newapiRelay);
const error = (code: string, message: string, type = "new_api_error") => ({ error: { message, type, code } });
const load = "当前分组上游负载已饱和，请稍后再试";

describe("newapiRelay", () => {
  it.each<Row>([
    [
      "a spent token behind the words of load",
      { status: 429, body: error("pre_consume_token_quota_failed", load) },
      { kind: "quota_exhausted", scope: "key", sharedBy: "key", failover: true, disableKey: false },
    ],
    [
      "the words of load without a telling code",
      { status: 429, body: error("", load, "upstream_error") },
      { kind: "overloaded", scope: "provider", failover: false },
    ],
    [
      "a spent token with its name",
      { status: 401, body: error("", "该令牌额度已用尽 TokenStatusExhausted") },
      { kind: "quota_exhausted", scope: "key", disableKey: false },
    ],
    [
      "a token that is no longer good",
      { status: 401, body: error("", "该令牌已过期") },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "a dead key of the relay itself as none of ours",
      { status: 401, body: error("channel:invalid_key", "invalid api key") },
      { kind: "overloaded", scope: "model", failover: false, disableKey: false },
    ],
    [
      "words on the relay's list",
      { status: 400, body: error("sensitive_words_detected", "user sensitive words detected") },
      { kind: "content_filter", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
