import { describe, expect, it } from "vitest";
import { github } from "../../../src/judgement/providers/github.ts";
import { judgeWith, type Row } from "./judge-with.ts";

const judge = judgeWith(github);
const dry = { "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795176600" };

describe("github", () => {
  it.each<Row>([
    [
      "the hour under the newer status",
      { status: 429, headers: dry, body: { message: "API rate limit exceeded for installation ID 7." } },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "hour",
        dimension: "requests",
        retryAfterMs: 600_000,
      },
    ],
    [
      "a secondary limit by its own wait, whatever the counter says",
      {
        status: 429,
        headers: { "retry-after": "90", "x-ratelimit-remaining": "4000", "x-ratelimit-reset": "1795176600" },
        body: { message: "You have exceeded a secondary rate limit." },
      },
      { kind: "rate_limit", scope: "account", window: null, dimension: "requests", retryAfterMs: 90_000 },
    ],
    [
      "a secondary limit without a wait as a minute",
      {
        status: 403,
        headers: { "x-ratelimit-remaining": "4000", "x-ratelimit-reset": "1795176600" },
        body: { message: "You have exceeded a secondary rate limit." },
      },
      { kind: "rate_limit", window: null, retryAfterMs: 60_000 },
    ],
    [
      "the query API's limit inside a success",
      {
        status: 200,
        headers: dry,
        body: { errors: [{ type: "RATE_LIMITED", message: "API rate limit exceeded for user ID 1." }] },
      },
      { kind: "rate_limit", scope: "account", window: "hour", retryAfterMs: 600_000 },
    ],
    [
      "searches",
      {
        status: 403,
        headers: { ...dry, "x-ratelimit-resource": "search", "x-ratelimit-reset": "1795176040" },
        body: { message: "API rate limit exceeded for user ID 1." },
      },
      { kind: "rate_limit", window: "minute", retryAfterMs: 40_000 },
    ],
    [
      "a request without a token",
      {
        status: 403,
        headers: dry,
        body: {
          message:
            "API rate limit exceeded for 192.0.2.1. (But here's the good news: Authenticated requests get a higher rate limit.)",
        },
      },
      { kind: "rate_limit", scope: "ip", failover: false },
    ],
    [
      "a user who tried too many bad tokens",
      { status: 403, body: { message: "Maximum number of login attempts exceeded. Please try again later." } },
      { kind: "forbidden", scope: "account", disableKey: false, retryable: true },
    ],
    [
      "partial data next to another error as no limit",
      { status: 200, body: { data: { viewer: null }, errors: [{ type: "NOT_FOUND", message: "x" }] } },
      { kind: "none" },
    ],
  ])("judges %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
