import { describe, expect, it } from "vitest";
import { openrouter } from "../../../src/judgement/providers/openrouter.ts";
import { judgeWith, noon, type Row } from "./judge-with.ts";

const judge = judgeWith(openrouter);
const error = (code: number, message: string, metadata?: object) => ({ error: { code, message, metadata } });

describe("openrouter", () => {
  it.each<Row>([
    [
      "a minute's free requests, with the reset in the body only",
      {
        status: 429,
        body: error(429, "Rate limit exceeded: free-models-per-min.", {
          headers: { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(noon + 17_000) },
          provider_name: null,
        }),
      },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "minute",
        dimension: "requests",
        retryAfterMs: 17_000,
      },
    ],
    [
      "a minute's free requests without a reset",
      { status: 429, body: error(429, "Rate limit exceeded: free-models-per-min. ") },
      { kind: "rate_limit", scope: "account", window: "minute", retryAfterMs: 60_000, failover: true },
    ],
    [
      "somebody behind it at a limit, inside a success",
      { status: 200, body: error(429, "Provider returned error", { provider_name: "Chutes", raw: "x" }) },
      { kind: "rate_limit", scope: "provider", failover: false },
    ],
    [
      "somebody behind it at a limit that says how long",
      {
        status: 429,
        body: error(429, "Provider returned error", {
          provider_name: "Chutes",
          availability: { retryable: true, retry_after: 8 },
        }),
      },
      { kind: "rate_limit", scope: "provider", retryAfterMs: 8000, failover: false },
    ],
    [
      "an empty balance",
      { status: 402, body: error(402, "Insufficient credits. Add more using https://openrouter.ai/credits") },
      { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false },
    ],
    [
      "a request too dear for what is left, which smaller ones are not",
      {
        status: 402,
        body: error(
          402,
          "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 14114.",
        ),
      },
      { kind: "quota_exhausted", scope: "request", failover: true },
    ],
    [
      "a key's monthly limit",
      {
        status: 403,
        body: error(403, "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys"),
      },
      { kind: "quota_exhausted", scope: "key", sharedBy: "key", window: "month", failover: true, disableKey: false },
    ],
    [
      "a flagged input",
      { status: 403, body: error(403, "Refused", { reasons: ["violence"], flagged_input: "x" }) },
      { kind: "content_filter", scope: "request", failover: false },
    ],
    [
      "a privacy setting of the account",
      { status: 404, body: error(404, "No endpoints found matching your data policy.") },
      { kind: "bad_request", scope: "model", sharedBy: "account", failover: true },
    ],
    [
      "an error in a chunk of a stream",
      {
        status: 200,
        body: ': OPENROUTER PROCESSING\n\ndata: {"id":"x","choices":[],"error":{"code":502,"message":"Provider disconnected"}}\n\n',
      },
      { kind: "server_error", scope: "provider", failover: false },
    ],
    ["a timeout at the edge", { status: 524, body: "" }, { kind: "timeout", failover: false }],
  ])("recognises %s", (_name, answer, expected) => {
    expect(judge(answer)).toMatchObject(expected);
  });
});
