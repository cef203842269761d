import { describe, expect, it } from "vitest";
import { nvidiaNim } from "../../../src/judgement/providers/nvidia-nim.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(nvidiaNim);
const problem = (status: number, title: string, detail?: string) => ({ status, body: { status, title, detail } });

describe("nvidiaNim", () => {
  it.each<Row>([
    [
      "a refusal without a word as a limit of the account, for a minute and a bit",
      problem(429, "Too Many Requests"),
      { kind: "rate_limit", scope: "account", sharedBy: "account", retryAfterMs: 62_000, failover: true },
    ],
    [
      "a stated wait before the usual one",
      { ...problem(429, "Too Many Requests"), headers: { "retry-after": "5" } },
      { kind: "rate_limit", retryAfterMs: 5000 },
    ],
    [
      "a model the account is not entitled to",
      problem(403, "Forbidden", "Authorization failed"),
      { kind: "forbidden", scope: "model", sharedBy: "account", failover: true, disableKey: false },
    ],
    [
      "a model at its end of life",
      problem(410, "Gone", "The model has reached its end of life on 2026-08-01"),
      { kind: "bad_request", scope: "model", sharedBy: "provider", failover: false },
    ],
    [
      "another sick deployment",
      problem(400, "Bad Request", "Function id '1' version '2': DEGRADED function cannot be invoked"),
      { kind: "overloaded", scope: "model", failover: false, retryable: true },
    ],
    [
      "a path that does not exist as the request's fault",
      problem(404, "Not Found"),
      { kind: "bad_request", scope: "request", failover: false },
    ],
    [
      "a bad key that has worked before as not yet dead",
      { ...problem(401, "Unauthorized", "Authentication failed"), context: { everSucceeded: true } },
      { kind: "invalid_key", disableKey: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
