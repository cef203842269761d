import { describe, expect, it } from "vitest";
import { createProviderEmulator, FakeClock, type ProviderEmulatorOptions } from "../../../src/testing/index.ts";
import { chat, eventsOf, newSecret, startEmulator } from "./fixture.ts";

/** 38 characters as JSON: 10 tokens. */
const messages = [{ role: "user", content: "Hi, you!" }];

function setUp(options: Omit<ProviderEmulatorOptions, "keys" | "clock">) {
  const clock = new FakeClock();
  const [first, second] = [newSecret(), newSecret()] as const;
  const keys = [first, second].map((secret) => ({ secret, account: "acme" }));
  const emulator = createProviderEmulator({ keys, clock, ...options });
  const send = (secret: string, body: object = {}) =>
    emulator.handle(new Request("https://api.example.test/v1/chat/completions", chat(secret, { messages, ...body })));
  return { clock, first, second, emulator, send };
}

describe("token limits of the emulator", () => {
  it("count what the usage of the answers tells, for JSON and streams", async () => {
    const { first, second, emulator, send } = setUp({ limits: [{ tokens: 34, per: 1_000 }], completionTokens: 7 });
    const { usage } = await (await send(first)).json();
    expect(usage).toEqual({ prompt_tokens: 10, completion_tokens: 7, total_tokens: 17 });
    const stream = await send(second, { stream: true, stream_options: { include_usage: true } });
    const last = JSON.parse(eventsOf(await stream.text()).at(-2) as string);
    expect(last.usage).toEqual(usage);
    expect((await send(first)).status).toBe(429);
    expect(
      emulator.arrivals.map(({ judged, inputTokens, outputTokens }) => [judged, inputTokens, outputTokens]),
    ).toEqual([
      ["accepted", 10, 7],
      ["accepted", 10, 7],
      ["refused", 10, 7],
    ]);
    expect(emulator.arrivals[2]?.refusedBy).toEqual({ tokens: 34, per: 1_000 });
    expect(emulator.maxInAnyWindow(1_000, { dimension: "tokens" })).toBe(34);
    expect(emulator.maxInAnyWindow(1_000, { dimension: "outputTokens", secret: first })).toBe(7);
    expect(emulator.maxInAnyWindow(1_000, { account: "acme", models: "test-*" })).toBe(2);
  });

  it("refuse in the provider's words, with the time until there is room", async () => {
    const completionTokens = ({ model }: { model: string | undefined }) => (model === "large" ? 50 : 10);
    const { clock, first, send } = setUp({ limits: [{ outputTokens: 15, per: "minute" }], completionTokens });
    await send(first);
    await clock.advance(14_500);
    const refused = await send(first);
    expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("retry-after-ms")]).toEqual([
      429,
      "46",
      "45500",
    ]);
    expect((await refused.json()).error).toMatchObject({
      type: "tokens",
      code: "rate_limit_exceeded",
      message:
        "Rate limit reached for test-model in organization acme on output tokens per min (OTPM): " +
        "Limit 15, Used 10, Requested 10. Please try again in 45.5s.",
    });
    const tooLarge = await send(first, { model: "large" });
    expect([tooLarge.status, tooLarge.headers.get("retry-after")]).toEqual([429, null]);
    expect((await tooLarge.json()).error.message).toBe(
      "Request too large for large in organization acme on output tokens per min (OTPM): Limit 15, Requested 50.",
    );
  });

  it("cost nothing on other paths and for scripted answers", async () => {
    const { first, emulator, send } = setUp({ limits: [{ tokens: 17, per: 1_000 }], completionTokens: 7 });
    emulator.key(first).script([{ status: 500 }]);
    const headers = { "x-api-key": first };
    expect((await send(first)).status).toBe(500);
    expect((await emulator.handle(new Request("https://api.example.test/v1/models", { headers }))).status).toBe(200);
    expect((await send(first)).status).toBe(200);
    expect((await send(first)).status).toBe(429);
  });
});

describe("`rateLimitHeaders` of the emulator", () => {
  const limits = [
    { requests: 100, per: "day" },
    { requests: 3, per: "minute" },
    { tokens: 50, per: "minute" },
  ] as const;

  it("tell of each dimension the limit with the least left, on answers and refusals", async () => {
    const { clock, first, send } = setUp({ limits, completionTokens: 7, rateLimitHeaders: true });
    const shown = async () => {
      const { headers } = await send(first);
      return ["requests", "tokens"].map((name) =>
        ["limit", "remaining", "reset"].map((field) => headers.get(`x-ratelimit-${field}-${name}`)),
      );
    };
    expect(await shown()).toEqual([
      ["3", "2", "1m0s"],
      ["50", "33", "1m0s"],
    ]);
    await clock.advance(500);
    await send(first);
    expect(await shown()).toEqual([
      ["3", "1", "1m0s"],
      ["50", "16", "1m0s"],
    ]);
  });

  it("are absent unless asked for", async () => {
    const { first, send } = setUp({ limits });
    const { headers } = await send(first);
    expect([...headers.keys()].filter((name) => name.startsWith("x-ratelimit"))).toEqual([]);
  });
});

describe("concurrency limits of the emulator", () => {
  const limits = [{ concurrency: 2, scope: "key" }] as const;

  it("hold a slot until the answer has been sent, over a network", async () => {
    const secret = newSecret();
    const keys = { [secret]: { always: { delayMs: 100 } } };
    const emulator = await startEmulator({ keys, limits });
    const send = async () => {
      const response = await fetch(`${emulator.baseURL}/chat/completions`, chat(secret));
      await response.text();
      return response;
    };
    const answers = await Promise.all(Array.from({ length: 5 }, send));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429]);
    expect(answers.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe(null);
    // The next one goes out when an answer is there: its slot must be free by then.
    for (let sent = 0; sent < 5; sent++) expect((await send()).status).toBe(200);
    expect([emulator.peakConcurrency(), emulator.peakConcurrency(secret)]).toEqual([2, 2]);
    expect(emulator.peakConcurrency(newSecret())).toBe(0);
    expect(emulator.peaks()).toMatchObject([
      { key: "keys[0]", dimension: "concurrency", max: 2, peak: 2, refusals: 3 },
    ]);
  });

  it("free the slot when the client leaves or the connection is cut", async () => {
    const secret = newSecret();
    const script = [{ chunkDelayMs: 60_000 }, { cut: "before-headers" }, { chunkDelayMs: 60_000 }] as const;
    const emulator = await startEmulator({ keys: { [secret]: { script } }, limits });
    const send = (signal?: AbortSignal) =>
      fetch(`${emulator.baseURL}/chat/completions`, { ...chat(secret, { stream: true }), signal: signal ?? null });
    const abort = new AbortController();
    await send(abort.signal);
    await expect(send()).rejects.toThrow("fetch failed");
    await expect.poll(() => emulator.arrivals[1]?.finishedAt).not.toBe(null);
    await send();
    expect((await send()).status).toBe(429);
    abort.abort();
    await expect.poll(() => emulator.arrivals[0]?.finishedAt).not.toBe(null);
    expect((await send()).status).toBe(200);
    expect(emulator.arrivals[2]?.finishedAt).toBe(null);
  });

  it("hold a slot as long as a stream is read, without a network", async () => {
    const { clock, first, emulator, send } = setUp({ limits, reply: "one two", chunkDelayMs: 100 });
    const open = [await send(first, { stream: true }), await send(first, { stream: true })];
    expect((await send(first)).status).toBe(429);
    await open[0]?.body?.cancel();
    expect((await send(first)).status).toBe(200);
    const read = open[1]?.text();
    await clock.advance(399);
    expect(emulator.arrivals[1]?.finishedAt).toBe(null);
    await clock.advance(1);
    await read;
    expect(emulator.arrivals[1]?.finishedAt).toBe(400);
  });
});

describe("ProviderEmulator.clear", () => {
  it("starts the peaks anew, but forgets nothing that counts", async () => {
    const { first, second, emulator, send } = setUp({ limits: [{ requests: 1, per: "minute", scope: "key" }] });
    await send(first);
    await send(first);
    emulator.clear();
    await send(second);
    expect((await send(first)).status).toBe(429);
    expect(emulator.peaks().map(({ key, account, peak, refusals }) => [key, account, peak, refusals])).toEqual([
      ["keys[0]", "acme", 0, 1],
      ["keys[1]", "acme", 1, 0],
    ]);
    expect([emulator.peakConcurrency(), emulator.maxInAnyWindow(60_000)]).toEqual([1, 1]);
  });
});
