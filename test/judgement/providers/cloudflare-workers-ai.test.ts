import { describe, expect, it } from "vitest";
import { cloudflareWorkersAi } from "../../../src/judgement/providers/cloudflare-workers-ai.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(cloudflareWorkersAi);
const error = (code: number, message: string) => ({ errors: [{ code, message }], success: false });

describe("cloudflareWorkersAi", () => {
  it.each<Row>([
    [
      "the day's allowance by its documented code",
      { status: 429, body: error(3036, "You have used up your daily free allocation of 10,000 neurons.") },
      { kind: "rate_limit", scope: "account", sharedBy: "account", window: "day", retryAfterMs: 43_200_000 },
    ],
    [
      "a model that took too long",
      { status: 408, body: error(3007, "AiError: Request timeout") },
      { kind: "timeout", failover: false },
    ],
    [
      "a token that is refused, perhaps for want of a permission",
      { status: 403, body: error(10000, "Authentication error") },
      { kind: "invalid_key", scope: "key", failover: true, disableKey: false },
    ],
    [
      "a model that is not there",
      { status: 400, body: error(5007, "No such model @cf/x/y or task") },
      { kind: "bad_request", scope: "model", failover: false },
    ],
    [
      "a model whose terms the account has not accepted",
      { status: 403, body: error(5016, "User has not agreed to the model terms") },
      { kind: "forbidden", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "the edge's limit of an address",
      { status: 429, body: "error code: 1015" },
      { kind: "rate_limit", scope: "ip", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
