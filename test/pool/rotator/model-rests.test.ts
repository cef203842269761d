import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";

describe("an operator's word", () => {
  it.each(["cooldown", "enable"] as const)("ends rests of models too: %s", async (word) => {
    let isLimited = true;
    const limited = (): Response =>
      Response.json(
        { error: { message: "Rate limit reached", code: "rate_limit_exceeded" } },
        { status: 429, headers: { "retry-after": "600" } },
      );
    const fetch = createRotatingFetch({
      provider: "openai",
      keys: [{ secret: "test-secret-of-models", id: "k" }],
      clock: new FakeClock(),
      maxWaitMs: 0,
      fetch: async () => (isLimited ? limited() : Response.json({ fine: true })),
    });
    const { rotator } = fetch;
    const ask = (): Promise<Response> =>
      fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: '{"model":"m"}' });
    expect((await ask()).status).toBe(429);
    isLimited = false;
    expect((await ask()).status).toBe(429);
    if (word === "enable") rotator.enable("k");
    else await rotator.cooldown("k", "end");
    expect((await ask()).status).toBe(200);
  });
});
