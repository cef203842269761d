import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  createProviderEmulator,
  insufficientQuota,
  limitedFor,
  rateLimited,
  serverError,
  unauthorized,
} from "../../../src/testing/index.ts";
import { chat, eventsOf, newSecret, startEmulator } from "./fixture.ts";

const statusesOf = async (count: number, send: () => Promise<Response>): Promise<number[]> => {
  const statuses: number[] = [];
  for (let sent = 0; sent < count; sent++) {
    const response = await send();
    await response.text();
    statuses.push(response.status);
  }
  return statuses;
};

describe("createProviderEmulator over HTTP", () => {
  it("completes a chat as JSON, with usage", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], reply: "Three words here" });
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      object: "chat.completion",
      model: "test-model",
      choices: [{ index: 0, message: { role: "assistant", content: "Three words here" }, finish_reason: "stop" }],
      usage: { completion_tokens: 3 },
    });
  });

  it("streams a chat word by word, with usage and [DONE]", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], reply: "Three words here" });
    const body = { stream: true, stream_options: { include_usage: true } };
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret, body));
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = eventsOf(await response.text());
    expect(events.pop()).toBe("[DONE]");
    const chunks = events.map((event) => JSON.parse(event));
    expect(chunks.map((chunk) => chunk.choices[0]?.delta ?? null)).toEqual([
      { role: "assistant", content: "" },
      { content: "Three" },
      { content: " words" },
      { content: " here" },
      {},
      null,
    ]);
    expect(chunks[4].choices[0].finish_reason).toBe("stop");
    expect(chunks[5].usage.completion_tokens).toBe(3);
  });

  it("refuses unknown and missing keys with OpenAI's body", async () => {
    const emulator = await startEmulator({ keys: [newSecret()] });
    const unknown = await fetch(`${emulator.baseURL}/chat/completions`, chat(newSecret()));
    expect([unknown.status, (await unknown.json()).error.code]).toEqual([401, "invalid_api_key"]);
    const missing = await fetch(`${emulator.baseURL}/models`);
    expect([missing.status, (await missing.json()).error.type]).toEqual([401, "invalid_request_error"]);
    expect(emulator.arrivals.map((arrival) => arrival.judged)).toEqual(["unauthorized", "unauthorized"]);
  });

  it("takes the key from every header and query parameter providers use", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], models: ["a", "b"] });
    const headers = ["x-api-key", "api-key", "x-goog-api-key"].map((name) => ({ [name]: secret }));
    for (const header of headers) await fetch(`${emulator.baseURL}/models`, { headers: header });
    const response = await fetch(`${emulator.baseURL}/models?key=${secret}&limit=1`);
    expect((await response.json()).data.map((model: { id: string }) => model.id)).toEqual(["a", "b"]);
    expect(emulator.arrivalsOf(secret)).toHaveLength(4);
    expect(emulator.arrivals.at(-1)?.path).toBe("/v1/models?key=<credential>&limit=1");
  });

  it("plays a script one step a request and then falls back", async () => {
    const secret = newSecret();
    const script = [
      rateLimited({ retryAfterSeconds: 7 }),
      { ok: true },
      serverError(502),
      insufficientQuota(),
    ] as const;
    const emulator = await startEmulator({ keys: { [secret]: { script, always: unauthorized() } } });
    const send = () => fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    const first = await send();
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "7"]);
    expect((await first.json()).error.code).toBe("rate_limit_exceeded");
    expect(await statusesOf(5, send)).toEqual([200, 502, 429, 401, 401]);
    expect(emulator.arrivals[1]?.judged).toBe("accepted");
    expect(emulator.arrivals[2]?.judged).toBe("scripted");
  });

  it("asks a script function with what it needs to know, and changes scripts while running", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret] });
    const send = () => fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    emulator.key(secret).script((request, arrivalNumber) => ({
      status: 418,
      body: { model: request.model, arrivalNumber },
    }));
    await send();
    expect(await (await send()).json()).toEqual({ model: "test-model", arrivalNumber: 2 });
    emulator.key(secret).script([]);
    expect((await send()).status).toBe(200);
    expect(() => emulator.key(newSecret())).toThrow("one of the emulator's keys");
  });

  it.each([
    ["before the headers", "before-headers"],
    ["after the headers", "after-headers"],
    ["in the middle", { afterChunks: 2 }],
  ] as const)("cuts a stream %s, and the client sees an error", async (_where, cut) => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: { [secret]: { script: [{ cut }] } } });
    const read = async (): Promise<string> => {
      let text = "";
      const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret, { stream: true }));
      const decoder = new TextDecoder();
      try {
        for await (const bytes of response.body!) text += decoder.decode(bytes);
      } catch {
        return `${response.status} cut after ${eventsOf(text).length} events`;
      }
      return "complete";
    };
    if (cut === "before-headers") await expect(read()).rejects.toThrow("fetch failed");
    else expect(await read()).toBe(`200 cut after ${cut === "after-headers" ? 0 : 2} events`);
    expect(emulator.arrivals[0]?.status).toBe(cut === "before-headers" ? null : 200);
    expect(emulator.arrivals[0]?.aborted).toBe(false);
    expect(await statusesOf(1, () => fetch(`${emulator.baseURL}/chat/completions`, chat(secret)))).toEqual([200]);
  });

  it("cuts a JSON body so that it never arrives whole", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: { [secret]: { script: [{ cut: { afterChunks: 1 } }] } } });
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    await expect(response.json()).rejects.toThrow();
  });

  it("puts an error event into a stream and ends it without [DONE]", async () => {
    const secret = newSecret();
    const script = [{ streamError: { afterChunks: 2, body: { error: { message: "overloaded", code: 529 } } } }];
    const emulator = await startEmulator({ keys: { [secret]: { script } } });
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret, { stream: true }));
    const events = eventsOf(await response.text());
    expect(events).toHaveLength(3);
    expect(JSON.parse(events[2]!)).toEqual({ error: { message: "overloaded", code: 529 } });
  });

  it("lets exactly 20 of 200 concurrent requests through a limit of 20 per 2 s", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], limits: [{ requests: 20, per: 2_000 }] });
    // A slow machine may need longer than the window to send all of them; then more than 20 may pass, but never in one window.
    const send = async () => {
      const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
      return { response, body: await response.json() };
    };
    const answers = await Promise.all(Array.from({ length: 200 }, send));
    const accepted = answers.filter(({ response }) => response.status === 200);
    expect(accepted.length).toBe(200 - emulator.refusals().length);
    expect(accepted.length).toBeGreaterThanOrEqual(20);
    expect(emulator.maxInAnyWindow(2_000)).toBe(20);
    expect(emulator.maxInAnyWindow(2_000, secret)).toBe(20);
    expect(emulator.maxInAnyWindow(2_000, newSecret())).toBe(0);
    const refused = answers.find(({ response }) => response.status === 429)!;
    const retryAfterMs = Number(refused.response.headers.get("retry-after-ms"));
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(2_000);
    expect(Number(refused.response.headers.get("retry-after"))).toBe(Math.ceil(retryAfterMs / 1_000));
    expect(refused.body.error).toMatchObject({ type: "requests", param: null, code: "rate_limit_exceeded" });
    expect(refused.body.error.message).toMatch(/^Rate limit reached for test-model .*Please try again in \S+s\.$/);
  });

  it("keeps silent about the way back when told to", async () => {
    const secret = newSecret();
    const limits = [{ requests: 1, per: "day", window: "calendar" }] as const;
    const emulator = await startEmulator({ keys: [secret], limits, advertiseRetryAfter: false });
    const send = () => fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    await send();
    const refused = await send();
    expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("retry-after-ms")]).toEqual([
      429,
      null,
      null,
    ]);
    expect((await refused.json()).error.message).not.toContain("try again");
  });

  it("counts keys of one account together, and takes new limits while running", async () => {
    const [first, second] = [newSecret(), newSecret()];
    const emulator = await startEmulator({
      keys: [
        { secret: first, account: "acme", name: "first" },
        { secret: second, account: "acme" },
      ],
      limits: [{ requests: 1, per: "hour" }],
    });
    const send = (secret: string) => fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    expect((await send(first)).status).toBe(200);
    const refused = await send(second);
    expect((await refused.json()).error.message).toContain("in organization acme");
    emulator.key(second).limits([]);
    expect((await send(second)).status).toBe(200);
    expect(emulator.arrivals[0]?.keyName).toBe("first");
  });

  it("shows on other paths what arrived, byte for byte, without the credential", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret] });
    const body = new Uint8Array(70_000).map((_, index) => (index * 31) % 256);
    const headers = { authorization: `Bearer ${secret}`, "x-mine": "kept" };
    const response = await fetch(`${emulator.url}//any/path?a=1`, { method: "PUT", headers, body });
    const echo = await response.json();
    const bodySha256 = createHash("sha256").update(body).digest("hex");
    expect(echo).toMatchObject({ method: "PUT", path: "//any/path?a=1", bodyBytes: 70_000, bodySha256 });
    expect(echo.headers).toMatchObject({ authorization: "Bearer <credential>", "x-mine": "kept" });
    expect(emulator.arrivals[0]).toMatchObject({ bodySha256, bodyBytes: 70_000, secret, judged: "accepted" });
  });

  it("redirects where it is told to", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret] });
    const headers = { authorization: `Bearer ${secret}` };
    const to = encodeURIComponent(`${emulator.url}/landed`);
    const manual = await fetch(`${emulator.url}/redirect?to=${to}&status=308`, { headers, redirect: "manual" });
    expect([manual.status, manual.headers.get("location")]).toEqual([308, `${emulator.url}/landed`]);
    const followed = await fetch(`${emulator.url}/redirect?to=${to}`, { headers });
    expect((await followed.json()).path).toBe("/landed");
  });

  it("answers everything with 503 during an outage", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], limits: [{ requests: 1 }] });
    const send = () => fetch(`${emulator.baseURL}/models`, { headers: { "x-api-key": secret } });
    emulator.outage(true);
    expect(await statusesOf(2, send)).toEqual([503, 503]);
    emulator.outage(false);
    expect(await statusesOf(2, send)).toEqual([200, 429]);
  });

  it("refuses connections and comes back on the same address", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret] });
    const { url } = emulator;
    const send = () => fetch(`${emulator.baseURL}/models`, { headers: { "x-api-key": secret } });
    await emulator.refuseConnections();
    await expect(send()).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    await emulator.refuseConnections(false);
    expect(emulator.url).toBe(url);
    expect((await send()).status).toBe(200);
  });

  it("notes a client that leaves in the middle, and has no request open afterwards", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], reply: "word ".repeat(1_000), chunkDelayMs: 5 });
    const abort = new AbortController();
    const init = { ...chat(secret, { stream: true }), signal: abort.signal };
    const response = await fetch(`${emulator.baseURL}/chat/completions`, init);
    await response.body!.getReader().read();
    expect(emulator.openRequests).toBe(1);
    abort.abort();
    await expect.poll(() => emulator.arrivals[0]?.aborted).toBe(true);
    await expect.poll(() => emulator.openRequests).toBe(0);
  });

  it("stops although clients hang on it, and its log stays readable until cleared", async () => {
    const secret = newSecret();
    const emulator = createProviderEmulator({ keys: { [secret]: { always: { delayMs: 3_600_000 } } } });
    await emulator.start();
    const hanging = fetch(`${emulator.baseURL}/models`, { headers: { "x-api-key": secret } });
    await expect.poll(() => emulator.arrivals.length).toBe(1);
    const [, failed] = await Promise.allSettled([emulator.stop(), hanging]);
    expect(failed.status).toBe("rejected");
    expect(() => emulator.url).toThrow("before");
    emulator.clear();
    expect(emulator.arrivals).toEqual([]);
  });

  it("serves 1,000 connections at once", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: { [secret]: { always: { delayMs: 300 } } } });
    const send = () => fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
    let mostOpen = 0;
    const watch = setInterval(() => {
      mostOpen = Math.max(mostOpen, emulator.openRequests);
    }, 5);
    const statuses = await Promise.all(Array.from({ length: 1_000 }, () => statusesOf(1, send)));
    clearInterval(watch);
    expect(statuses.flat().every((status) => status === 200)).toBe(true);
    expect(mostOpen).toBeGreaterThan(100);
  });

  it("names the option at fault", () => {
    const limits = [{ requests: 1 }, { requests: 0 }];
    expect(() => createProviderEmulator({ keys: [newSecret()], limits })).toThrow("Expected `limits[1].requests`");
    expect(() => createProviderEmulator({ keys: [newSecret(), { secret: "" }] })).toThrow("keys[1]");
  });
});

describe("limitedFor", () => {
  it("refuses for so long from the first request on", () => {
    const step = rateLimited();
    const script = limitedFor(1_000, step);
    const request = { method: "GET", path: "/", headers: {}, model: undefined, json: undefined };
    expect([script(request, 1, 0), script(request, 2, 999), script(request, 3, 1_000)]).toEqual([
      step,
      step,
      undefined,
    ]);
  });
});
