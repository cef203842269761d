import { createOpenAI } from "@ai-sdk/openai";
import { GoogleGenAI } from "@google/genai";
import { HTTPClient, Mistral } from "@mistralai/mistralai";
import { generateText } from "ai";
import ky from "ky";
import OpenAI, { APIConnectionError } from "openai";
import { AllKeysExhaustedError, type RotatingFetchOptions } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { failureOf } from "./support/describe-client.ts";
import { placeholder, setUp, type World } from "./support/world.ts";

const hour = { retryAfterSeconds: 3_600 };
const open = (options: Partial<RotatingFetchOptions>): Promise<World> =>
  setUp([hour, hour], { ...options, onExhausted: "throw" });

/** It names the time, after one call to `fetch` and one request for each key. */
function expectOurs(error: unknown, { calls, server }: World): void {
  if (!AllKeysExhaustedError.isInstance(error)) throw error;
  expect(error.retryAfterMs).toBeGreaterThan(3_590_000);
  expect([calls.length, server.arrivals.length]).toEqual([1, 2]);
}

describe('onExhausted "throw"', () => {
  it("reaches the user of ai 6 as it was thrown, without a repetition", async () => {
    const world = await open({ provider: "openai" });
    const model = createOpenAI({ apiKey: placeholder, fetch: world.fetch })("m1");
    expectOurs(await failureOf(generateText({ model, prompt: "Hello" })), world);
  });

  it("reaches the user of genai 2 as it was thrown", async () => {
    const world = await open({ provider: "gemini" });
    const ai = new GoogleGenAI({ apiKey: placeholder, httpOptions: { fetch: world.fetch } });
    expectOurs(await failureOf(ai.models.generateContent({ model: "m1", contents: "Hello" })), world);
  });

  it("reaches the user of ky 1 as it was thrown when it does not retry", async () => {
    const baseURL = "https://api.example.com/v1";
    const world = await open({ baseURL });
    expectOurs(await failureOf(ky.get(`${baseURL}/items`, { fetch: world.fetch, retry: 0 }).json()), world);
  });

  it("is the cause of what the user of mistral 2 catches", async () => {
    const world = await open({ provider: "mistral" });
    const client = new Mistral({ apiKey: placeholder, httpClient: new HTTPClient({ fetcher: world.fetch }) });
    const error = await failureOf(
      client.chat.complete({ model: "m1", messages: [{ role: "user", content: "Hello" }] }),
    );
    expectOurs((error as Error).cause, world);
  });

  it("is the cause of what the user of openai 6 catches when it does not retry", async () => {
    const world = await open({ provider: "openai" });
    const client = new OpenAI({ apiKey: placeholder, fetch: world.fetch, maxRetries: 0 });
    const error = await failureOf(client.responses.create({ model: "m1", input: "Hello" }));
    if (!(error instanceof APIConnectionError)) throw error;
    expectOurs(error.cause, world);
  });
});
