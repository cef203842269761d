import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import type { KeyBehaviour, Step } from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { done, role, streamSource, word } from "./bodies/stream-source.ts";
import { chatUrl, ok, post, rig } from "./fixture.ts";

const openaiLimit = {
  type: "error",
  code: "rate_limit_exceeded",
  message: "Rate limit reached for test-model on requests per min (RPM). Please try again in 20s.",
};
const anthropicOverload = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
const anthropicLimit = { type: "error", error: { type: "rate_limit_error", message: "Too many requests." } };
const asked = (body: object): RequestInit => ({
  ...post(JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hi" }], ...body })),
  headers: { "content-type": "application/json" },
});
const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** Two keys, the first of which behaves as told, behind a real server. */
async function pool(first: Step, options: Partial<RotatingFetchOptions> = {}, behaviour: KeyBehaviour = {}) {
  const secrets = [newSecret(), newSecret()] as const;
  const emulator = await startEmulator({
    keys: [
      { secret: secrets[0], name: "first", always: first },
      { secret: secrets[1], name: "second", ...behaviour },
    ],
  });
  const fetch = createRotatingFetch({ provider: "openai", keys: [...secrets], baseURL: emulator.url, ...options });
  const url = `${emulator.url}/v1/chat/completions`;
  const ask = (stream = true, signal?: AbortSignal): Promise<Response> =>
    fetch(url, { ...asked({ stream }), ...(signal && { signal }) });
  return { fetch, ask, url, emulator, keys: () => emulator.arrivals.map(({ keyName }) => keyName) };
}

describe("an error inside a stream, before its content", () => {
  it.each<[string, RotatingFetchOptions["provider"], Step]>([
    ["as the first event", "openai", { events: [{ error: { code: "rate_limit_exceeded", message: "Slow." } }] }],
    ["behind the role", "openai", { events: [role, { error: { code: "rate_limit_exceeded", message: "Slow." } }] }],
    [
      "as a failed response",
      "openai",
      {
        events: [
          event("response.created", { type: "response.created", response: { status: "in_progress" } }),
          event("response.in_progress", { type: "response.in_progress", response: {} }),
          event("response.failed", { type: "response.failed", response: { status: "failed", error: openaiLimit } }),
        ],
      },
    ],
    ["with its fields at the top", "openai", { events: [event("error", openaiLimit)] }],
    [
      "behind comments, the message's start and pings",
      "anthropic",
      {
        events: [
          ": keep-alive\n\n",
          event("message_start", { type: "message_start", message: { id: "m", usage: { input_tokens: 3 } } }),
          event("ping", { type: "ping" }),
          event("error", anthropicLimit),
        ],
      },
    ],
    [
      "in the only choice",
      "openrouter",
      {
        events: [
          ": OPENROUTER PROCESSING\n\n",
          {
            choices: [
              { error: { code: 429, message: "Rate limit exceeded: free-models-per-min" }, finish_reason: "error" },
            ],
          },
        ],
      },
    ],
  ])("goes on with another key, when it comes %s", async (_name, provider, first) => {
    const { ask, keys, fetch } = await pool(first, { provider });
    const response = await ask();
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain("Hello");
    expect(text.endsWith(done)).toBe(true);
    expect(keys()).toEqual(["first", "second"]);
    const [state] = (await fetch.rotator.snapshot()).keys;
    expect(state?.cooldowns.length ?? 0, "the refused key cools down").toBeGreaterThan(0);
  });

  it("is tried again on the same key when the provider is in trouble, and comes back as it was in the end", async () => {
    const { ask, keys } = await pool(
      { events: [event("message_start", { type: "message_start" }), event("error", anthropicOverload)] },
      { provider: "anthropic", retries: 1 },
      { always: { events: [event("error", anthropicOverload)] } },
    );
    const response = await ask();
    expect([response.status, await response.text()]).toEqual([200, event("error", anthropicOverload)]);
    expect(keys()).toEqual(["first", "first", "second"]);
  });

  it("becomes a 429 when it meets every key", async () => {
    const limited: Step = { events: [role, { error: { code: "rate_limit_exceeded", message: "Try again in 100s." } }] };
    const { ask, keys } = await pool(limited, { maxWaitMs: 0 }, { always: limited });
    const response = await ask();
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(90);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect(keys()).toEqual(["first", "second"]);
  });

  it("comes to the caller as it was when no other key would help", async () => {
    const filtered = event("error", { type: "error", code: "content_policy_violation", message: "No." });
    const { ask, keys } = await pool({ events: [role, filtered] });
    const response = await ask();
    expect([response.status, await response.text()]).toEqual([200, `data: ${JSON.stringify(role)}\n\n${filtered}`]);
    expect(keys()).toEqual(["first"]);
  });

  it("is told of with the status it came with", async () => {
    const { ask, fetch } = await pool({ events: [event("error", openaiLimit)] });
    const failed: unknown[] = [];
    fetch.rotator.on("attempt-failed", ({ status, kind, retryAfterMs }) => failed.push([status, kind, retryAfterMs]));
    await (await ask()).text();
    expect(failed).toEqual([[200, "rate_limit", 20_000]]);
  });

  it("is passed on where nothing is to be kept back", async () => {
    const { ask, keys } = await pool({ events: [event("error", openaiLimit)] }, { commitHoldMs: 0 });
    expect(await (await ask()).text()).toBe(event("error", openaiLimit));
    expect(keys()).toEqual(["first"]);
  });
});

describe("an error inside a JSON answer", () => {
  it.each<[string, RotatingFetchOptions["provider"], object]>([
    ["an error object", "openrouter", { error: { code: 429, message: "Rate limit exceeded: free-models-per-min" } }],
    ["a status of its own", "minimax", { base_resp: { status_code: 1002, status_msg: "rate limit" } }],
    ["errors of GraphQL", "github", { errors: [{ type: "RATE_LIMITED", message: "API rate limit exceeded" }] }],
  ])("with %s goes on with another key", async (_name, provider, body) => {
    const { ask, keys } = await pool({ body }, { provider });
    const response = await ask(false);
    expect(await response.json()).toMatchObject({ object: "chat.completion" });
    expect(keys()).toEqual(["first", "second"]);
  });

  it("is found too when a stream was asked for", async () => {
    const { ask, keys } = await pool({ body: { base_resp: { status_code: 1002 } } }, { provider: "minimax" });
    expect(await (await ask()).text()).toContain("Hello");
    expect(keys()).toEqual(["first", "second"]);
  });

  it("is not looked for in answers longer than 64 KiB, which arrive whole", async () => {
    const body = { text: "x".repeat(200_000), base_resp: { status_code: 0 } };
    const { ask, keys } = await pool({ body }, { provider: "minimax" });
    expect(await (await ask(false)).json()).toEqual(body);
    expect(keys()).toEqual(["first"]);
  });

  it("is not looked for at providers that do not answer so: theirs come as the very object", async () => {
    const given = Response.json({ error: { code: 429 } });
    const { fetch } = rig(() => given, { provider: "openai" });
    expect(await fetch(chatUrl, post())).toBe(given);
  });
});

describe("a stream", () => {
  it("is handed over with its first content, and not later", async () => {
    const source = streamSource();
    const { fetch } = rig(() => source.response, { provider: "openai" });
    let isHere = false;
    const call = fetch(chatUrl, post()).finally(() => {
      isHere = true;
    });
    source.send(": comment\n\n");
    source.send(role);
    await new Promise(setImmediate);
    expect(isHere).toBe(false);
    source.send(word);
    const reader = (await call).body?.getReader();
    const decoder = new TextDecoder();
    const texts = [];
    for (let piece = 0; piece < 3; piece++) texts.push(decoder.decode((await reader?.read())?.value));
    expect(texts).toEqual([": comment\n\n", `data: ${JSON.stringify(role)}\n\n`, `data: ${JSON.stringify(word)}\n\n`]);
    source.send(done);
    source.end();
    expect(decoder.decode((await reader?.read())?.value)).toBe(done);
    expect((await reader?.read())?.done).toBe(true);
  });

  it("has the bytes, the headers and the fields it has without a pool", async () => {
    const { ask, url, emulator } = await pool({ ok: true });
    const ours = await ask();
    const secret = emulator.arrivals[0]?.secret ?? "";
    const plain = await fetch(url, {
      ...asked({ stream: true }),
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    });
    const withoutDate = ({ headers }: Response) =>
      [...headers].filter(([name]) => name !== "date" && name !== "x-request-id");
    expect([ours.url, ours.redirected, ours.type, ours.statusText]).toEqual([
      plain.url,
      plain.redirected,
      plain.type,
      plain.statusText,
    ]);
    expect(withoutDate(ours)).toEqual(withoutDate(plain));
    const withoutIdsAndTimes = (text: string): string => text.replace(/chatcmpl-\d+|(?<="created":)\d+/g, "0");
    expect(withoutIdsAndTimes(await ours.text())).toBe(withoutIdsAndTimes(await plain.text()));
  });

  it("is kept back no longer than `commitHoldMs`, and loses nothing of what comes then", async () => {
    const source = streamSource();
    const { fetch, clock } = rig(() => source.response, { provider: "openai", commitHoldMs: 3_000 });
    const call = fetch(chatUrl, post());
    source.send(role);
    await clock.advance(3_000);
    const response = await call;
    source.send(word);
    source.send(done);
    source.end();
    expect(await response.text()).toBe(`data: ${JSON.stringify(role)}\n\ndata: ${JSON.stringify(word)}\n\n${done}`);
    expect(clock.pendingTimers).toBe(0);
  });

  it("is not kept back when it is only listened to", async () => {
    const source = streamSource();
    const { fetch } = rig(() => source.response, { provider: "openai" });
    expect(await fetch(chatUrl)).toBe(source.response);
  });

  it("is handed over when the time for headers is over, because those are here", async () => {
    const source = streamSource();
    const { fetch, clock } = rig(() => source.response, {
      provider: "openai",
      attemptTimeoutMs: 100,
      totalTimeoutMs: 1_000,
    });
    const call = fetch(chatUrl, post());
    await clock.advance(1_000);
    const response = await call;
    source.send(word);
    source.end();
    expect(await response.text()).toContain("Hi");
    expect(clock.pendingTimers).toBe(0);
  });

  it("that is given up by its caller before content ends there with the caller's reason, and blames nobody", async () => {
    const source = streamSource();
    const { fetch, clock, rotator } = rig(() => source.response, { provider: "openai" });
    const controller = new AbortController();
    const call = fetch(chatUrl, { ...post(), signal: controller.signal });
    source.send(role);
    await new Promise(setImmediate);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(source.cancelled).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
    const { keys, inFlight } = await rotator.snapshot();
    expect(inFlight).toBe(0);
    expect(keys.every(({ cooldowns, failures }) => cooldowns.length === 0 && failures === 0)).toBe(true);
  });

  it("that breaks before content fails like a connection, and after it breaks for its reader", async () => {
    const early = await pool({ events: [role, word], cut: { afterChunks: 1 }, chunkDelayMs: 5 }, {}, {});
    await expect(early.ask()).rejects.toThrow(TypeError);
    const late = await pool({ events: [role, word, word], cut: { afterChunks: 2 }, chunkDelayMs: 5 });
    const response = await late.ask();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(late.keys()).toEqual(["first"]);
  });

  it("that breaks before content is sent again where repeating is allowed", async () => {
    const script: Step[] = [{ events: [role], cut: { afterChunks: 1 }, chunkDelayMs: 5 }];
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [{ secret, script }] });
    const fetch = createRotatingFetch({ provider: "openai", keys: [secret], baseURL: emulator.url, retryUnsafe: true });
    const response = await fetch(`${emulator.url}/v1/chat/completions`, asked({ stream: true }));
    expect(await response.text()).toContain("Hello");
  });
});

describe("the end of a stream", () => {
  async function outcomesOf(play: (source: ReturnType<typeof streamSource>, response: Response) => Promise<unknown>) {
    const source = streamSource();
    const { fetch, rotator } = rig(() => source.response, { provider: "openai" });
    const outcomes: string[] = [];
    rotator.on("stream-ended", ({ outcome, requestId, attempt, tags }) => {
      outcomes.push(outcome);
      expect([requestId, attempt, tags]).toEqual([expect.any(String), 1, { job: "j" }]);
    });
    const call = fetch.with({ tags: { job: "j" } })(chatUrl, post());
    source.send(word);
    await play(source, await call);
    return outcomes;
  }

  it("is told as given up when the caller's signal ended it", async () => {
    const controller = new AbortController();
    const { ask, fetch } = await pool({ events: [word, word, word], chunkDelayMs: 5_000 });
    const outcomes: string[] = [];
    fetch.rotator.on("stream-ended", ({ outcome }) => outcomes.push(outcome));
    const response = await ask(true, controller.signal);
    const body = response.text();
    controller.abort();
    await expect(body).rejects.toThrow("aborted");
    expect(outcomes).toEqual(["cancelled"]);
  });

  it("is told: with the provider's last event, without it, broken, and cancelled", async () => {
    const complete = await outcomesOf((source, response) => {
      source.send(done);
      source.end();
      return response.text();
    });
    const truncated = await outcomesOf((source, response) => {
      source.end();
      return response.text();
    });
    const broken = await outcomesOf((source, response) => {
      source.fail();
      return response.text().catch(() => undefined);
    });
    const cancelled = await outcomesOf(async (_source, response) => response.body?.cancel());
    expect([complete, truncated, broken, cancelled]).toEqual([["complete"], ["truncated"], ["broken"], ["cancelled"]]);
  });
});

describe("idleTimeoutMs", () => {
  it("breaks a body that sends nothing while it is read, and cancels it at the provider", async () => {
    const source = streamSource();
    const { fetch, clock } = rig(() => source.response, { provider: "openai", idleTimeoutMs: 1_000 });
    const call = fetch(chatUrl, post());
    source.send(word);
    const reader = (await call).body?.getReader();
    await reader?.read();
    await clock.advance(5_000);
    const next = reader?.read();
    await clock.advance(999);
    source.send(word);
    await next;
    const last = reader?.read();
    await Promise.all([
      expect(last).rejects.toMatchObject({ name: "TimeoutError", message: expect.stringContaining("idleTimeoutMs") }),
      clock.advance(1_000),
    ]);
    expect(source.cancelled).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it("counts for a stream that has not begun, as a failure of the attempt", async () => {
    const source = streamSource();
    const { fetch, clock, keysUsed } = rig((_sent, number) => (number === 1 ? source.response : ok()), {
      provider: "openai",
      idleTimeoutMs: 1_000,
      retryUnsafe: true,
    });
    const call = fetch(chatUrl, post());
    await clock.advance(10_000);
    expect((await call).status).toBe(200);
    expect(keysUsed()).toHaveLength(2);
  });
});

describe("trace", () => {
  it("tells in a header what became of every try", async () => {
    const { fetch, clock } = rig(
      async (_sent, number) => {
        if (number === 1) return Response.json({ error: { message: "Slow." } }, { status: 429 });
        return ok();
      },
      { trace: true },
    );
    expect((await fetch(chatUrl, post())).headers.get("x-rotating-fetch-trace")).toBe(
      "key-1;outcome=rate_limit;status=429;ms=0, key-2;outcome=success;status=200;ms=0",
    );
    const answer = await fetch(chatUrl, post());
    expect(answer.headers.get("x-rotating-fetch-trace")).toBe("key-2;outcome=success;status=200;ms=0");
    expect(await answer.json()).toEqual({ fine: true });
    expect(clock.pendingTimers).toBe(0);
  });

  it("stands on a stream that was kept back", async () => {
    const source = streamSource();
    const { fetch } = rig(() => source.response, { provider: "openai", trace: true });
    const call = fetch(chatUrl, post());
    source.send(role);
    source.send(word);
    const response = await call;
    expect(response.headers.get("x-rotating-fetch-trace")).toBe("key-1;outcome=success;status=200;ms=0");
    source.end();
    expect(await response.text()).toContain("Hi");
  });

  it("stands on exhausted answers and on errors too", async () => {
    const answer = (): Response => Response.json({ error: { message: "Slow." } }, { status: 429 });
    const responding = rig(answer, { trace: true, maxWaitMs: 0 });
    const { headers } = await responding.fetch(chatUrl, post());
    expect(headers.get("x-rotating-fetch-trace")).toBe(
      "key-1;outcome=rate_limit;status=429;ms=0, key-2;outcome=rate_limit;status=429;ms=0",
    );
    const throwing = rig(answer, { maxWaitMs: 0, onExhausted: "throw" });
    await expect(throwing.fetch(chatUrl, post())).rejects.toMatchObject({
      attempts: 2,
      trail: [
        { key: 1, outcome: "rate_limit", status: 429, elapsedMs: 0 },
        { key: 2, outcome: "rate_limit", status: 429, elapsedMs: 0 },
      ],
    });
  });
});
