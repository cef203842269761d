import { describe, expect, it } from "vitest";
import { ErrorClassifier } from "../../../src/index.ts";
import type { Limit } from "../../../src/types.ts";
import { ok, post, refusal, rig } from "../../fetch/fixture.ts";

const target = "https://api.example.test/v1/x";
const now = Date.UTC(2026, 10, 21);

function stated(message: string, status = 429): unknown {
  return new ErrorClassifier().classify({ status, body: { error: { message } }, now }).limit;
}

/** One key whose declared limit is larger than what its provider states at the first request. */
function stricter(amount: number, limits: readonly Limit[]) {
  const words = `Rate limit reached on requests per min (RPM): Limit ${amount}, Used ${amount}, Requested 1. Please try again in 1s.`;
  let refused = false;
  const answer = (): Response => {
    if (refused) return ok();
    refused = true;
    const error = { message: words, type: "requests", code: "rate_limit_exceeded" };
    return Response.json({ error }, { status: 429 });
  };
  return rig(answer, { provider: "openai", keyCount: 1, maxWaitMs: 2000, limits });
}

describe("the limit an answer states", () => {
  it.each([
    [
      "Rate limit reached for x on tokens per min (TPM): Limit 30000, Used 30000, Requested 1200.",
      30_000,
      "tokens",
      "minute",
    ],
    ["on requests per min (RPM): Limit 500, Used 500, Requested 1.", 500, "requests", "minute"],
    ["would exceed your rate limit of 8,000 output tokens per minute", 8000, "outputTokens", "minute"],
    ["Rate limit of 50 per 86400s exceeded for UserByModelByDay requests per day.", 50, "requests", "day"],
  ])("is read from %j", (message, amount, dimension, window) => {
    expect(stated(message)).toEqual({ amount, dimension, window });
  });

  it.each([
    "You have hit your limit.",
    "limit: 0, requests per minute",
    "S0 limit 12.5 requests per minute",
    "token limit 30000",
    "Rate limit 99999999999999999 requests per minute",
  ])("is none in %j", (message) => {
    expect(stated(message)).toBeUndefined();
  });

  it("is read from quota details, of the violation that governs", () => {
    const violation = (id: string, value: string): object => ({
      quotaMetric: "x.googleapis.com/generate_content_free_tier_requests",
      quotaId: `GenerateRequestsPer${id}PerProjectPerModel-FreeTier`,
      quotaValue: value,
    });
    const details = [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        violations: [violation("Minute", "5"), violation("Day", "20")],
      },
    ];
    const body = { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Quota exceeded, limit: 5", details } };
    const judged = new ErrorClassifier().classify({ status: 429, body, now });
    expect(judged.limit).toEqual({ amount: 20, dimension: "requests", window: "day" });
  });
});

describe("a limit that a refusal states", () => {
  it("is shown for one window, beside what was declared, and lowers nothing", async () => {
    const { fetch, rotator, clock } = stricter(3, [{ requests: 10, per: "minute", models: "m" }]);
    const first = fetch(target, post());
    await clock.advance(1500);
    expect((await first).status).toBe(200);
    const [key] = (await rotator.snapshot()).keys;
    expect(key?.limits[0]).toMatchObject({ limit: 10, used: 2, left: 8 });
    const told = { from: "refusal", dimension: "requests", window: "minute", limit: 3, remaining: null, header: null };
    expect(key?.learnt).toMatchObject([told]);
    expect((await rotator.explain()).keys[0]?.learnt).toMatchObject([told]);
    await clock.advance(60_000);
    expect((await rotator.snapshot()).keys[0]?.learnt).toEqual([]);
  });

  it("shows a key as ready whose one model cools down, with that cooldown and how the pool stands for it", async () => {
    const { fetch, rotator } = rig(() => refusal(429, "rate_limit_exceeded"), { provider: "openai", maxWaitMs: 0 });
    await fetch(target, post('{"model":"small"}'));
    const { keys, models, ready } = await rotator.snapshot();
    expect(keys[0]).toMatchObject({ state: "ready", cooldowns: [{ reason: "rate_limit" }] });
    expect(ready).toBe(2);
    expect(models).toMatchObject([{ model: "small", ready: 0, limited: 2 }]);
  });
});
