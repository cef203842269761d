import { describe, expect, it } from "vitest";
import { siliconflow } from "../../../src/judgement/providers/siliconflow.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(siliconflow);
const error = (code: number, message: string) => ({ code, message, data: null });
const limited = (what: string) =>
  error(50602, `Request was rejected due to rate limiting. Details: ${what} limit reached.`);

describe("siliconflow", () => {
  it.each<Row>([
    [
      "requests a minute",
      { status: 429, body: limited("RPM") },
      { kind: "rate_limit", scope: "model", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "tokens a day",
      { status: 429, body: limited("TPD") },
      { kind: "rate_limit", scope: "model", window: "day", dimension: "tokens" },
    ],
    [
      "requests an hour",
      { status: 429, body: limited("RPH") },
      { kind: "rate_limit", window: "hour", dimension: "requests" },
    ],
    [
      "images a day",
      { status: 429, body: limited("IPD") },
      { kind: "rate_limit", window: "day", dimension: "requests" },
    ],
    [
      "an empty balance under the newer status",
      { status: 402, body: error(30001, "Sorry, your account balance is insufficient") },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a bare text for a wrong key",
      { status: 401, body: '"Invalid token"' },
      { kind: "invalid_key", disableKey: true },
    ],
    [
      "the code of a wrong key",
      { status: 401, body: error(30014, "Api key is invalid") },
      { kind: "invalid_key", scope: "key", disableKey: true },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
