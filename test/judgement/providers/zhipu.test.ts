import { describe, expect, it } from "vitest";
import { zhipu } from "../../../src/judgement/providers/zhipu.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(zhipu);
const error = (code: string, message: string) => ({ error: { code, message }, request_id: "1" });
const limited = (code: string, message = "x") => ({ status: 429, body: error(code, message) });

describe("zhipu", () => {
  it.each<Row>([
    [
      "the week or month, in Beijing time",
      limited("1310", "您已达到每周/每月使用上限，您的限额将在 2026-11-23 08:00:00 重置。"),
      { kind: "rate_limit", scope: "account", sharedBy: "account", window: "day", retryAfterMs: 216_000_000 },
    ],
    [
      "the week or month, in English",
      limited("1310", "Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-11-20 21:00:00"),
      { kind: "rate_limit", scope: "account", window: "day", retryAfterMs: 3_600_000 },
    ],
    [
      "calls a day until midnight in Beijing",
      limited("1304", "该 API 已达今日调用次数限额"),
      {
        kind: "rate_limit",
        scope: "model",
        sharedBy: "account",
        window: "day",
        dimension: "requests",
        retryAfterMs: 14_400_000,
      },
    ],
    ["frequency", limited("1303"), { kind: "rate_limit", scope: "model", dimension: "requests", retryAfterMs: null }],
    [
      "a busy model",
      limited("1305", "该模型当前访问量过大，请您稍后再试"),
      { kind: "overloaded", scope: "model", sharedBy: "provider", failover: false },
    ],
    [
      "a plan that has ended",
      limited("1309"),
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a model outside the plan",
      limited("1311"),
      { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "a prompt that is too long",
      { status: 400, body: error("1261", "Prompt 超长") },
      { kind: "context_length", dimension: "tokens", failover: false },
    ],
    [
      "a missing header as the client's fault",
      { status: 401, body: error("1001", "Header 中未收到 Authentication 参数，无法进行身份验证") },
      { kind: "bad_request", disableKey: false },
    ],
    [
      "an expired token as no reason to give the key up",
      { status: 401, body: error("1003", "Authentication Token 已过期") },
      { kind: "invalid_key", failover: true, disableKey: false },
    ],
    [
      "a refusal of the quota API inside a success",
      { status: 200, body: { code: 401, msg: "令牌已过期或验证不正确", success: false } },
      { kind: "invalid_key", failover: true },
    ],
    [
      "an answer of the quota API",
      { status: 200, body: { code: 200, msg: "操作成功", success: true, data: { limits: [] } } },
      { kind: "none" },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
