import { describe, expect, it } from "vitest";
import { minimax } from "../../../src/judgement/providers/minimax.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(minimax);
const inside = (status_code: number, status_msg = "x") => ({
  status: 200,
  body: { base_resp: { status_code, status_msg } },
});

describe("minimax", () => {
  it.each<Row>([
    [
      "requests a minute",
      inside(1002, "rate limit"),
      { kind: "rate_limit", scope: "account", sharedBy: "account", window: "minute", dimension: "requests" },
    ],
    [
      "a ramp that is too steep",
      inside(2045, "rate growth limit"),
      { kind: "rate_limit", scope: "account", window: null, retryable: true },
    ],
    ["an invalid key", inside(2049, "invalid api key"), { kind: "invalid_key", failover: true, disableKey: true }],
    [
      "a missing key as the client's fault",
      inside(1004, "login fail: Please carry the API secret key in the 'Authorization' field of the request header"),
      { kind: "bad_request", disableKey: false },
    ],
    ["what was found in an answer", inside(1027, "output new_sensitive"), { kind: "content_filter", failover: false }],
    ["wrong parameters", inside(2013, "invalid params"), { kind: "bad_request", scope: "request", failover: false }],
    [
      "trouble of its own",
      inside(1013, "unknown error"),
      { kind: "server_error", scope: "provider", failover: false, retryable: true },
    ],
    [
      "the plan's window with a real status",
      {
        status: 429,
        body: { type: "error", error: { type: "rate_limit_error", message: "usage limit exceeded (2056)" } },
      },
      { kind: "rate_limit", scope: "account", window: "hour" },
    ],
    [
      "load with a real status",
      { status: 529, body: { type: "error", error: { type: "overloaded_error", message: "High traffic detected." } } },
      { kind: "overloaded", failover: false },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
