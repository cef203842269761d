import { describe, expect, it } from "vitest";
import { chatUrl, limited, networkError, ok, post, refusal, rig } from "../fetch/fixture.ts";

describe("AttemptLoop: leaving a key", () => {
  it("goes to the next key at once after a 429, without waiting for a timer", async () => {
    const { fetch, clock, keysUsed } = rig((_sent, number) => (number === 1 ? limited({ "retry-after": "60" }) : ok()));
    const response = await fetch(chatUrl, post());
    expect(response.status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    expect(clock.pendingTimers).toBe(0);
    expect(clock.monotonic()).toBe(0);
  });

  it("walks through many limited keys to the one that is free", async () => {
    const { fetch, clock, keysUsed } = rig(({ key }) => (key === 11 ? ok() : limited()), { keyCount: 12 });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("waits no longer in all than one wait may take", async () => {
    const { fetch, clock, sent } = rig(() => limited({ "retry-after": "4" }), { keyCount: 2, maxWaitMs: 6_000 });
    const call = fetch(chatUrl, post());
    await clock.advance(6_000);
    const response = await call;
    expect(response.status).toBe(429);
    expect(sent.length).toBeLessThanOrEqual(4);
    expect(clock.pendingTimers).toBe(0);
  });

  it("leaves a limited key alone for as long as the provider said", async () => {
    const { fetch, clock, keysUsed } = rig((_sent, number) => (number === 1 ? limited({ "retry-after": "5" }) : ok()));
    for (let call = 0; call < 4; call++) await fetch(chatUrl, post());
    await clock.advance(4_999);
    await fetch(chatUrl, post());
    expect(keysUsed()).toEqual([0, 1, 1, 1, 1, 1]);
    await clock.advance(200);
    for (let call = 0; call < 4; call++) await fetch(chatUrl, post());
    expect(keysUsed().slice(6)).toContain(0);
  });

  it("goes to the next key after a 401 and keeps the refused one out", async () => {
    const { fetch, rotator, clock, keysUsed } = rig(({ key }) => (key === 0 ? refusal(401, "invalid_api_key") : ok()));
    expect((await fetch(chatUrl, post())).status).toBe(200);
    await clock.advance(20_000);
    for (let call = 0; call < 3; call++) expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1, 1, 1, 1]);
    const { keys } = await rotator.snapshot();
    expect(keys.map(({ state }) => state)).toEqual(["refused", "ready"]);
  });

  it("skips the other keys of an account whose quota is used up", async () => {
    const { fetch, sent } = rig((_sent, number) => (number === 1 ? refusal(429, "insufficient_quota") : ok()), {
      keys: [
        { secret: "test-first-of-a", account: "a" },
        { secret: "test-second-of-a", account: "a" },
        { secret: "test-only-of-b", account: "b" },
      ],
    });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(sent.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer test-first-of-a",
      "Bearer test-only-of-b",
    ]);
  });

  it("hands a 400 over untouched and blames no key", async () => {
    const text = '{"error":{"message":"Invalid value for \'messages\'.","type":"invalid_request_error"}}';
    const headers = { "content-type": "application/json", "x-request-id": "req_7" };
    const { fetch, rotator, keysUsed } = rig(() => new Response(text, { status: 400, statusText: "Nope", headers }));
    const response = await fetch(chatUrl, post());
    expect([response.status, response.statusText, response.headers.get("x-request-id")]).toEqual([
      400,
      "Nope",
      "req_7",
    ]);
    expect(await response.text()).toBe(text);
    expect(keysUsed()).toEqual([0]);
    expect((await rotator.snapshot()).keys.every(({ state }) => state === "ready")).toBe(true);
  });

  it.each([403, 404])(
    "ends a request that two accounts refuse with the same %i, and puts neither into cooldown",
    async (status) => {
      const { fetch, rotator, keysUsed } = rig(() => refusal(status, status === 404 ? "model_not_found" : null), {
        keyCount: 5,
      });
      const response = await fetch(chatUrl, post());
      expect(response.status).toBe(status);
      expect((await response.json()).error.message).toBe(`Refused with ${status}.`);
      expect(keysUsed()).toEqual([0, 1]);
      expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(Array(5).fill("ready"));
    },
  );

  it.each([
    [400, "gemini", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"],
    [400, "gemini", "API key expired. Please renew the API key.", "API_KEY_INVALID"],
    [403, "gemini", "Your API key was reported as leaked. Please use another API key.", null],
    [
      403,
      "gemini",
      "Generative Language API has not been used in project 1 before or it is disabled.",
      "SERVICE_DISABLED",
    ],
    [400, "xai", "Incorrect API key provided: sk***.", null],
    [403, "xai", "The API key is blocked.", null],
    [404, "generic", "No such key.", "invalid_api_key"],
    [422, "generic", "No such key.", "api_key_revoked"],
    [403, "generic", "This token has expired", null],
    [403, "generic", "Your account has been temporarily suspended.", null],
    [403, "generic", "The organization of this request was disabled by its owner", null],
    [403, "generic", "Deactivated workspace", null],
  ] as const)(
    "goes on past two accounts that are dead in the same words: %i, %s, %s",
    async (status, provider, message, code) => {
      const google = {
        code: status,
        message,
        status: "INVALID_ARGUMENT",
        details: [{ "@type": "a/google.rpc.ErrorInfo", reason: code }],
      };
      const error = provider === "gemini" ? google : { message, type: "refused", param: null, code };
      const { fetch, rotator, keysUsed } = rig(({ key }) => (key === 2 ? ok() : Response.json({ error }, { status })), {
        keyCount: 3,
        provider,
      });
      for (let call = 1; call <= 4; call++) expect((await fetch(chatUrl, post())).status).toBe(200);
      expect(keysUsed()).toEqual([0, 1, 2, 2, 2, 2]);
      expect((await rotator.snapshot()).keys.map(({ state }) => state === "ready")).toEqual([false, false, true]);
    },
  );

  it.each([
    [403, "You do not have permission to use this resource."],
    [403, "This content was blocked. If that is wrong, write to us from your account."],
    [403, "Region not supported"],
    [422, "`max_tokens` is invalid"],
  ])("still ends a request that two accounts refuse for what it is: %i, %s", async (status, message) => {
    const answer = (): Response =>
      Response.json({ error: { message, type: "refused", param: null, code: null } }, { status });
    const { fetch, rotator, keysUsed } = rig(answer, { keyCount: 5, provider: "generic" });
    expect((await fetch(chatUrl, post())).status).toBe(status);
    expect(keysUsed().length).toBeLessThanOrEqual(2);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(Array(5).fill("ready"));
  });

  it("lets another account serve what the first one may not do", async () => {
    const { fetch, rotator, keysUsed } = rig(({ key }) => (key === 0 ? refusal(403) : ok()));
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["cooling", "ready"]);
  });

  it("gives a model nobody else can be asked for back as the provider's own 404, at once", async () => {
    const { fetch, clock, keysUsed } = rig(() => refusal(404, "model_not_found"), { keyCount: 1 });
    const response = await fetch(chatUrl, post());
    expect(response.status).toBe(404);
    expect((await response.json()).error.code).toBe("model_not_found");
    expect(keysUsed()).toEqual([0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("asks at most `maxAttempts` accounts and then hands over the last refusal", async () => {
    const { fetch, keysUsed } = rig(() => limited(), { keyCount: 9, maxAttempts: 3 });
    const response = await fetch(chatUrl, post());
    expect([response.status, (await response.json()).error.code]).toEqual([429, "rate_limit_exceeded"]);
    expect(keysUsed()).toEqual([0, 1, 2]);
  });

  it.each([
    { what: "dead keys", refused: () => refusal(401, "invalid_api_key") },
    { what: "limits that state their end", refused: () => limited({ "retry-after": "3600" }) },
  ])("finds the good key at the end of a long list of $what", async ({ refused }) => {
    const { fetch, keysUsed } = rig((_sent, number) => (number < 40 ? refused() : ok()), { keyCount: 40 });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toHaveLength(40);
  });

  it("asks no more than 64 accounts where nobody said how many", async () => {
    const { fetch, keysUsed } = rig(() => refusal(401, "invalid_api_key"), { keyCount: 100 });
    expect((await fetch(chatUrl, post())).status).toBe(401);
    expect(keysUsed()).toHaveLength(64);
  });

  it("says that the pool is exhausted when `maxAttempts` were all there are", async () => {
    const { fetch, rotator, keysUsed } = rig(() => limited({ "retry-after": "60" }), {
      keyCount: 3,
      maxAttempts: 3,
      onExhausted: "throw",
    });
    await expect(fetch(chatUrl, post())).rejects.toMatchObject({ name: "AllKeysExhaustedError", attempts: 3 });
    expect(keysUsed()).toEqual([0, 1, 2]);
    expect([rotator.inFlight, rotator.waiting]).toEqual([0, 0]);
  });

  it("does not let a refusal whose body never ends keep it from the next key for more than ten seconds", async () => {
    const stuck = (): Response => new Response(new ReadableStream(), { status: 429 });
    const { fetch, clock, keysUsed } = rig((_sent, number) => (number === 1 ? stuck() : ok()));
    const call = fetch(chatUrl, post());
    await clock.advance(10_000);
    expect((await call).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
  });

  it("names the attempts of one request by one id, in order", async () => {
    const { fetch, rotator } = rig((_sent, number) => (number === 1 ? limited() : ok()));
    const seen: [string, string, number][] = [];
    rotator.on("key-selected", ({ requestId, attempt }) => seen.push(["selected", requestId, attempt]));
    rotator.on("attempt-failed", ({ requestId, attempt }) => seen.push(["failed", requestId, attempt]));
    rotator.on("attempt-succeeded", ({ requestId, attempt }) => seen.push(["succeeded", requestId, attempt]));
    await fetch(chatUrl, post());
    await fetch(chatUrl, post());
    expect(seen.map(([event, , attempt]) => `${event} ${attempt}`)).toEqual([
      "selected 1",
      "failed 1",
      "selected 2",
      "succeeded 2",
      "selected 1",
      "succeeded 1",
    ]);
    expect(new Set(seen.slice(0, 4).map(([, id]) => id)).size).toBe(1);
    expect(seen[4]?.[1]).not.toBe(seen[0]?.[1]);
  });

  it("goes on although a listener throws", async () => {
    const { fetch, rotator } = rig((_sent, number) => (number === 1 ? limited() : ok()));
    for (const name of ["key-selected", "attempt-failed", "attempt-succeeded", "key-cooled"] as const) {
      rotator.on(name, () => {
        throw networkError("ECONNRESET");
      });
    }
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(rotator.inFlight).toBe(0);
  });
});
