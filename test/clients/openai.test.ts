import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { RateLimitError } from "openai";
import OpenAI4, { RateLimitError as RateLimitError4 } from "openai-4";
import OpenAI5, { RateLimitError as RateLimitError5 } from "openai-5";
import type { RotatingFetch } from "rotating-fetch";
import { describe, expect, it, onTestFinished } from "vitest";
import { text } from "./support/answers/answer.ts";
import { type Client, describeClient, expectFailover, expectNoStranger } from "./support/describe-client.ts";
import { joinedText, secondsOf } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder, setUp } from "./support/world.ts";

const model = "m1";
const messages = [{ role: "user" as const, content: "Hello" }];

/** The newest major, and the one before: they differ in nothing that is used here. */
const majors = [
  { name: "openai 6", Client: OpenAI, RateLimit: RateLimitError },
  { name: "openai 5", Client: OpenAI5 as unknown as typeof OpenAI, RateLimit: RateLimitError5 },
] as const;

function openaiClient({ name, Client, RateLimit }: (typeof majors)[number]): Client {
  const open = (fetch: RotatingFetch, settings = {}): OpenAI => new Client({ apiKey: placeholder, fetch, ...settings });
  const ask = (client: OpenAI): Promise<unknown> => client.chat.completions.create({ model, messages });
  return {
    name,
    options: { provider: "openai" },
    keyIn: "authorization",
    operations: {
      async "a chat"(fetch) {
        const completion = await open(fetch).chat.completions.create({ model, messages });
        return completion.choices[0]?.message.content ?? "";
      },
      async "a streamed chat"(fetch) {
        const stream = await open(fetch).chat.completions.create({ model, messages, stream: true });
        return joinedText(stream, ({ choices: [choice] }) => choice?.delta.content);
      },
      async "a response"(fetch) {
        return (await open(fetch).responses.create({ model, input: "Hello" })).output_text;
      },
      async "a streamed response"(fetch) {
        const stream = await open(fetch).responses.create({ model, input: "Hello", stream: true });
        return joinedText(stream, (event) => (event.type === "response.output_text.delta" ? event.delta : ""));
      },
      async "an upload"(fetch) {
        return (await open(fetch).files.create({ file: newFile(), purpose: "batch" })).filename;
      },
      async "an upload from a disk"(fetch) {
        return (await open(fetch).files.create({ file: createReadStream(await newPath()), purpose: "batch" })).filename;
      },
      async "a transcription"(fetch) {
        return (await open(fetch).audio.transcriptions.create({ model: "whisper-1", file: newFile() })).text;
      },
    },
    exhausted: {
      documented: (fetch) => ask(open(fetch)),
      byDefault: (fetch) => ask(open(fetch)),
      defaultCalls: 1,
      read(error) {
        if (!(error instanceof RateLimit)) throw error;
        return { status: error.status, retryAfterSeconds: secondsOf(error.headers?.get("retry-after")) };
      },
    },
  };
}

/** A file on the disk, gone after the test. */
async function newPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "rotating-fetch-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "notes.txt");
  await writeFile(path, randomBytes(100_000));
  return path;
}

for (const major of majors) describeClient(openaiClient(major));

const open4 = (fetch: RotatingFetch): OpenAI4 => new OpenAI4({ apiKey: placeholder, fetch: fetch as never });

describeClient({
  name: "openai 4",
  options: { provider: "openai" },
  keyIn: "authorization",
  operations: {
    async "a chat"(fetch) {
      const completion = await open4(fetch).chat.completions.create({ model, messages });
      return completion.choices[0]?.message.content ?? "";
    },
    async "a streamed chat"(fetch) {
      const stream = await open4(fetch).chat.completions.create({ model, messages, stream: true });
      return joinedText(stream, ({ choices: [choice] }) => choice?.delta.content);
    },
    async "an upload"(fetch) {
      return (await open4(fetch).files.create({ file: newFile(), purpose: "batch" })).filename;
    },
  },
  exhausted: {
    documented: (fetch) => open4(fetch).chat.completions.create({ model, messages }),
    byDefault: (fetch) => open4(fetch).chat.completions.create({ model, messages }),
    defaultCalls: 1,
    read(error) {
      if (!(error instanceof RateLimitError4)) throw error;
      return { status: error.status, retryAfterSeconds: secondsOf(error.headers?.["retry-after"]) };
    },
  },
});

describe("openai 6", () => {
  it("does not probe the fetch before an upload", async () => {
    const { fetch, calls, server } = await setUp([undefined], { provider: "openai" });
    await new OpenAI({ apiKey: placeholder, fetch }).files.create({ file: newFile(), purpose: "batch" });
    expect([calls.length, server.arrivals.length]).toEqual([1, 1]);
  });

  it("costs no key a request where a wrapper makes it probe", async () => {
    const world = await setUp([{}, undefined], { provider: "openai" });
    const client = new OpenAI({ apiKey: placeholder, fetch: (input, init) => world.fetch(input, init) });
    await client.files.create({ file: newFile(), purpose: "batch" });
    expect(world.calls.map(({ input }) => String(input).startsWith("data:"))).toEqual([true, false]);
    expectFailover(world, "authorization");
  });

  it("shows the key of its environment to nobody when it is given none", async () => {
    const { fetch, server } = await setUp([undefined], { provider: "openai" });
    const completion = await new OpenAI({ fetch }).chat.completions.create({ model, messages });
    expect(completion.choices[0]?.message.content).toBe(text);
    expectNoStranger(server);
  });

  it("reads the code of the refusal", async () => {
    const { fetch } = await setUp([{ retryAfterSeconds: 3_600 }], { provider: "openai" });
    const client = new OpenAI({ apiKey: placeholder, fetch });
    await expect(client.chat.completions.create({ model, messages })).rejects.toMatchObject({
      code: "rate_limit_exceeded",
      headers: expect.any(Headers),
    });
  });
});
