import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError, InvalidOptionsError } from "../../src/index.ts";
import type { ProviderName } from "../../src/named/presets.ts";
import { chatUrl, limited, networkError, ok, post, type RigOptions, refusal, rig } from "../fetch/fixture.ts";

/** Uses up the only key's only request of the hour, then asks for one more. */
async function exhausted(options: RigOptions = {}) {
  const all = rig(ok, { keyCount: 1, limits: [{ requests: 1, per: "hour" }], ...options });
  await all.fetch(chatUrl, post());
  return { ...all, response: await all.fetch(chatUrl, post()) };
}

describe("exhaustedAnswer", () => {
  it("hands over this call's own last 429 with the pool's word on when to come back", async () => {
    const { fetch, sent } = rig(({ key }) => limited({ "retry-after": key === 0 ? "7200" : "3600", "x-own": "kept" }), {
      random: () => 0,
    });
    const response = await fetch(chatUrl, post());
    expect(response.status).toBe(429);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "retry-after": "3600",
      "retry-after-ms": "3600000",
      "x-should-retry": "false",
      "x-own": "kept",
      "content-type": "application/json",
    });
    expect((await response.json()).error.message).toBe("Refused with 429.");
    expect(sent).toHaveLength(2);
  });

  it("tells the way back of the key that is free first, whichever was refused last", async () => {
    const { fetch } = rig(({ key }) => limited({ "retry-after": key === 0 ? "60" : "3600" }), { random: () => 0 });
    expect((await fetch(chatUrl, post())).headers.get("retry-after")).toBe("60");
  });

  it("sends nothing and says so when all keys are known to cool down", async () => {
    const { response, sent, clock } = await exhausted();
    expect([response.status, sent.length, clock.monotonic()]).toEqual([429, 1, 0]);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(3_600);
  });

  it.each([
    ["openai", { error: { type: "requests", code: "rate_limit_exceeded", param: null } }],
    ["openrouter", { error: { code: "rate_limit_exceeded" } }],
    ["anthropic", { type: "error", error: { type: "rate_limit_error" } }],
    ["gemini", { error: { code: 429, status: "RESOURCE_EXHAUSTED" } }],
    ["generic", { error: { code: "rate_limit_exceeded" } }],
  ])("speaks the error shape of %s", async (provider, shape) => {
    const { response } = await exhausted({ provider: provider as ProviderName });
    expect(response.headers.get("content-type")).toContain("application/json");
    const body = await response.json();
    expect(body).toMatchObject(shape);
    expect(body.error.message).toMatch(/try again in \d+s/);
    expect(body.error.reasons).toEqual({ limited: 1, credential: 0, disabled: 0, unsuitable: 0 });
  });

  it("tells Gemini's client the delay in the body, where it looks for it", async () => {
    const { response } = await exhausted({ provider: "gemini" });
    const { details } = (await response.json()).error;
    const seconds = Number(response.headers.get("retry-after"));
    expect(details).toEqual([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${seconds}s` }]);
  });

  it("hands over the last 401 when every credential was refused", async () => {
    const { fetch, sent } = rig(() => refusal(401, "invalid_api_key", { "x-request-id": "req_1" }));
    const response = await fetch(chatUrl, post());
    expect([response.status, response.headers.get("x-request-id"), sent.length]).toEqual([401, "req_1", 2]);
    const again = await fetch(chatUrl, post());
    expect([again.status, sent.length]).toEqual([401, 2]);
    expect((await again.json()).error.code).toBe("invalid_api_key");
  });

  it("answers 503 when every key is switched off", async () => {
    const { fetch, rotator, sent } = rig(ok);
    for (const { id } of (await rotator.snapshot()).keys) rotator.disable(id);
    const response = await fetch(chatUrl, post());
    expect([response.status, response.headers.get("retry-after"), sent.length]).toEqual([503, null, 0]);
    expect((await response.json()).error.reasons).toMatchObject({ disabled: 2 });
  });

  it("keeps a large refusal readable", async () => {
    const text = "x".repeat(50_000);
    const { fetch } = rig(() => new Response(text, { status: 429, headers: { "retry-after": "60" } }));
    const response = await fetch(chatUrl, post());
    expect(await response.text()).toBe(text);
  });

  it("does not choke on a refusal without a body", async () => {
    const { fetch } = rig(() => new Response(null, { status: 429, headers: { "retry-after": "60" } }));
    const response = await fetch(chatUrl, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([429, ""]);
  });
});

describe("onExhausted", () => {
  it('throws an AllKeysExhaustedError with "throw"', async () => {
    const { fetch, clock } = rig(() => limited({ "retry-after": "60" }), { onExhausted: "throw", random: () => 0 });
    const error: unknown = await fetch(chatUrl, post()).catch((thrown: unknown) => thrown);
    if (!AllKeysExhaustedError.isInstance(error)) throw error;
    expect(error).toMatchObject({ status: 429, statusCode: 429, attempts: 2, retryAfterMs: 60_000 });
    expect(error.retryAt).toBe(clock.wall() + 60_000);
    expect(error.reasons).toEqual({ limited: 2, credential: 0, disabled: 0, unsuitable: 0 });
    expect(error.message).not.toMatch(/timed? ?out/i);
    expect(Object.isFrozen(error)).toBe(false);
  });

  it("answers with whatever a function makes of it", async () => {
    const made = new Response("busy", { status: 418 });
    const { fetch } = rig(() => limited({ "retry-after": "60" }), { onExhausted: () => made });
    expect(await fetch(chatUrl, post())).toBe(made);
  });

  it.each([
    ["nothing", undefined, "got `undefined`"],
    ["null", null, "got `null`"],
    ["a promise of nothing", Promise.resolve(), "got `undefined`"],
    ["a plain object", { status: 503, body: "busy" }, "got an object"],
    ["a number", 503, "got `503` (number)"],
  ])("rejects with a clear error when a function returns %s", async (_what, returned, came) => {
    const onExhausted = (() => returned) as never;
    const { fetch } = rig(() => limited({ "retry-after": "60" }), { onExhausted });
    const error: unknown = await fetch(chatUrl, post()).catch((thrown: unknown) => thrown);
    if (!InvalidOptionsError.isInstance(error)) throw error;
    expect([error.code, error.field]).toEqual(["ERR_INVALID_OPTIONS", "onExhausted()"]);
    expect(error.message).toBe(`Expected \`onExhausted()\` to be a Response or a promise of one, ${came}`);
    expect(AllKeysExhaustedError.isInstance(error.cause)).toBe(true);
  });

  it("takes a Response of another class of that name", async () => {
    const made = { status: 418, headers: new Headers(), text: () => Promise.resolve("busy") };
    const { fetch } = rig(() => limited({ "retry-after": "60" }), { onExhausted: async () => made as never });
    expect(await fetch(chatUrl, post())).toBe(made);
  });

  it("rejects with what the function throws", async () => {
    const own = new Error("my own");
    const onExhausted = (): never => {
      throw own;
    };
    const { fetch } = rig(() => limited({ "retry-after": "60" }), { onExhausted });
    await expect(fetch(chatUrl, post())).rejects.toBe(own);
  });

  it.each(["respond", "throw"] as const)(
    'rethrows a last network error as it came, with "%s" too',
    async (onExhausted) => {
      const error = networkError("ECONNREFUSED");
      const limits = [{ requests: 1, per: "hour" }] as const;
      const { fetch } = rig(
        (_sent, number) => (number === 1 ? limited({ "retry-after": "60" }) : Promise.reject(error)),
        {
          onExhausted,
          limits,
          retries: 0,
        },
      );
      await expect(fetch(chatUrl, post())).rejects.toBe(error);
    },
  );
});
