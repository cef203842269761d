import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import {
  APICallError,
  generateText,
  type LanguageModel,
  RetryError,
  streamText,
  experimental_transcribe as transcribe,
} from "ai";
import type { RotatingFetch, RotatingFetchOptions } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { type Client, describeClient, failureOf } from "./support/describe-client.ts";
import { cutLongSleeps } from "./support/long-sleeps.ts";
import { joinedText, secondsOf } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder, setUp } from "./support/world.ts";

const prompt = "Hello";

const providers: readonly {
  readonly name: string;
  readonly options: Partial<RotatingFetchOptions>;
  readonly keyIn: string;
  readonly model: (fetch: RotatingFetch) => LanguageModel;
}[] = [
  {
    name: "@ai-sdk/openai",
    options: { provider: "openai" },
    keyIn: "authorization",
    model: (fetch) => createOpenAI({ apiKey: placeholder, fetch })("m1"),
  },
  {
    name: "@ai-sdk/anthropic",
    options: { provider: "anthropic" },
    keyIn: "x-api-key",
    model: (fetch) => createAnthropic({ apiKey: placeholder, fetch })("m1"),
  },
  {
    name: "@ai-sdk/openai-compatible",
    options: { baseURL: "https://llm.example.com/v1" },
    keyIn: "authorization",
    model: (fetch) =>
      createOpenAICompatible({
        name: "example",
        baseURL: "https://llm.example.com/v1",
        apiKey: placeholder,
        fetch,
      })("m1"),
  },
  {
    name: "@openrouter/ai-sdk-provider",
    options: { provider: "openrouter" },
    keyIn: "authorization",
    model: (fetch) => createOpenRouter({ apiKey: placeholder, fetch })("m1"),
  },
];

function clientOf({ name, options, keyIn, model }: (typeof providers)[number]): Client {
  return {
    name: `ai 6 with ${name}`,
    options,
    keyIn,
    operations: {
      async "a text"(fetch) {
        return (await generateText({ model: model(fetch), prompt })).text;
      },
      async "a streamed text"(fetch) {
        return streamText({ model: model(fetch), prompt }).text;
      },
    },
    exhausted: {
      documented: (fetch) => generateText({ model: model(fetch), prompt, maxRetries: 0 }),
      byDefault: (fetch) => generateText({ model: model(fetch), prompt }),
      defaultCalls: 3,
      read(error) {
        if (!APICallError.isInstance(error)) throw error;
        return { status: error.statusCode, retryAfterSeconds: secondsOf(error.responseHeaders?.["retry-after"]) };
      },
    },
  };
}

for (const provider of providers) describeClient(clientOf(provider));

describeClient({
  name: "ai 6 with @ai-sdk/openai",
  options: { provider: "openai" },
  keyIn: "authorization",
  operations: {
    async "a transcription"(fetch) {
      const model = createOpenAI({ apiKey: placeholder, fetch }).transcription("whisper-1");
      return (await transcribe({ model, audio: await newFile().bytes() })).text;
    },
  },
});

describe("ai 6", () => {
  const hour = { retryAfterSeconds: 3_600 };

  it("wraps the refusal in a RetryError when it repeats", async () => {
    const { fetch, calls } = await setUp([hour], { provider: "openai" });
    cutLongSleeps(calls);
    const error = await failureOf(generateText({ model: createOpenAI({ apiKey: placeholder, fetch })("m1"), prompt }));
    if (!RetryError.isInstance(error)) throw error;
    expect(error.lastError).toMatchObject({ name: "AI_APICallError", statusCode: 429 });
  });

  it("gives the refusal of a stream to `onError`", async () => {
    const { fetch } = await setUp([hour], { provider: "openai" });
    const model = createOpenAI({ apiKey: placeholder, fetch })("m1");
    const told: unknown[] = [];
    const { textStream } = streamText({ model, prompt, maxRetries: 0, onError: ({ error }) => void told.push(error) });
    expect(await joinedText(textStream, (part) => part)).toBe("");
    expect(told).toMatchObject([{ name: "AI_APICallError", statusCode: 429 }]);
  });
});
