import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import OpenAI, { RateLimitError, toFile } from "openai";
import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import { rateLimited, type Script } from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";

const messages = [{ role: "user" as const, content: "Hi" }];

async function setUp(script: Script, options: Partial<RotatingFetchOptions> & { readonly maxRetries?: number } = {}) {
  const { maxRetries, ...rest } = options;
  const keys = [newSecret(), newSecret()];
  const [refused, free] = keys as [string, string];
  const emulator = await startEmulator({ keys: [{ secret: refused, script }, free], reply: "Hello out there" });
  const fetch = createRotatingFetch({ keys, baseURL: emulator.baseURL, ...rest });
  let calls = 0;
  const counting = Object.assign((...parts: Parameters<typeof fetch>) => {
    calls++;
    return fetch(...parts);
  }, fetch);
  const retries = maxRetries === undefined ? {} : { maxRetries };
  const client = new OpenAI({ apiKey: "rotating", baseURL: emulator.baseURL, fetch: counting, ...retries });
  return { emulator, client, refused, free, fetch, calls: () => calls };
}

describe("the openai client through a failover", () => {
  const once = [rateLimited({ retryAfterSeconds: 3_600 })];

  it("completes as JSON", async () => {
    const { client, emulator, refused, free } = await setUp(once, { maxRetries: 0 });
    const completion = await client.chat.completions.create({ model: "m1", messages });
    expect(completion.choices[0]?.message.content).toBe("Hello out there");
    expect(emulator.arrivals.map(({ secret }) => [refused, free].indexOf(secret as string))).toEqual([0, 1]);
    expect(emulator.arrivals[0]?.bodySha256).toBe(emulator.arrivals[1]?.bodySha256);
  });

  it("completes as a stream", async () => {
    const { client, emulator } = await setUp(once, { maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: "m1", messages, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe("Hello out there");
    expect(emulator.arrivals.map(({ status }) => status)).toEqual([429, 200]);
  });

  it.each([
    ["a file in memory", (bytes: Uint8Array) => toFile(bytes, "data.bin")],
    ["a stream from a disk", (bytes: Uint8Array) => toFile(Readable.from([bytes]), "data.bin")],
  ])("uploads %s", async (_what, make) => {
    const bytes = new Uint8Array(randomBytes(100_000));
    const { client, emulator, calls } = await setUp(once, { maxRetries: 0 });
    await client.files.create({ file: await make(bytes), purpose: "assistants" });
    expect(emulator.arrivals.map(({ path, status }) => [path, status])).toEqual([
      ["/v1/files", 429],
      ["/v1/files", 200],
    ]);
    const [first, second] = emulator.arrivals;
    expect(second?.bodyBytes).toBeGreaterThan(bytes.length);
    expect(second?.bodyBytes).toBe(first?.bodyBytes);
    // No probe with a data: URL, because the class is on the function.
    expect(calls()).toBe(1);
  });

  it("gets its own RateLimitError at once and after one call when every key cools down for an hour", async () => {
    const hour = () => rateLimited({ retryAfterSeconds: 3_600 });
    const { client, emulator, free, calls, fetch } = await setUp(hour, { maxWaitMs: 1_000 });
    emulator.key(free).script(hour);
    let waits = 0;
    fetch.rotator.on("request-queued", () => waits++);
    const error: unknown = await client.chat.completions
      .create({ model: "m1", messages })
      .then(Promise.reject, (thrown: unknown) => thrown);
    if (!(error instanceof RateLimitError)) throw error;
    expect([error.status, error.code, calls(), emulator.arrivals.length]).toEqual([429, "rate_limit_exceeded", 1, 2]);
    expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(3_590);
    expect([waits, fetch.rotator.waiting, fetch.rotator.inFlight]).toEqual([0, 0, 0]);
  });

  it("passes the client's own time-out and abort through", async () => {
    const { client, emulator, fetch } = await setUp(() => ({ delayMs: 60_000 }), { maxRetries: 0 });
    const late = client.chat.completions.create({ model: "m1", messages }, { timeout: 50 });
    await expect(late).rejects.toThrow(OpenAI.APIConnectionTimeoutError);
    await expect.poll(() => emulator.openRequests).toBe(0);
    expect(fetch.rotator.inFlight).toBe(0);
  });
});
