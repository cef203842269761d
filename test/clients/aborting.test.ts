import { createOpenAI } from "@ai-sdk/openai";
import Anthropic, { APIUserAbortError as AnthropicAbortError } from "@anthropic-ai/sdk";
import { generateText } from "ai";
import OpenAI, { APIConnectionTimeoutError, APIUserAbortError } from "openai";
import type { ProviderName, RotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { failureOf } from "./support/describe-client.ts";
import { placeholder, setUp } from "./support/world.ts";

type Ask = (fetch: RotatingFetch, signal: AbortSignal) => Promise<unknown>;

const messages = [{ role: "user" as const, content: "Hello" }];

const clients: readonly [name: string, provider: ProviderName, ask: Ask, expected: (error: unknown) => boolean][] = [
  [
    "openai 6",
    "openai",
    (fetch, signal) =>
      new OpenAI({ apiKey: placeholder, fetch }).chat.completions.create({ model: "m1", messages }, { signal }),
    (error) => error instanceof APIUserAbortError,
  ],
  [
    "ai 6",
    "openai",
    (fetch, abortSignal) =>
      generateText({ model: createOpenAI({ apiKey: placeholder, fetch })("m1"), prompt: "Hello", abortSignal }),
    (error) => error instanceof Error && error.name === "AbortError",
  ],
  [
    "anthropic 1",
    "anthropic",
    (fetch, signal) =>
      new Anthropic({ apiKey: placeholder, fetch }).messages.create(
        { model: "m1", max_tokens: 100, messages },
        { signal },
      ),
    (error) => error instanceof AnthropicAbortError,
  ],
];

describe("a wait for a key", () => {
  const soon = { retryAfterSeconds: 30 };

  it.each(clients)("ends at once when the user of %s gives up", async (_name, provider, ask, isExpected) => {
    const { fetch, calls, server } = await setUp([soon], { provider, maxWaitMs: 60_000 });
    const controller = new AbortController();
    const failure = failureOf(ask(fetch, controller.signal));
    await expect.poll(() => fetch.rotator.waiting).toBe(1);
    controller.abort();
    const error = await failure;
    if (!isExpected(error)) throw error;
    expect([fetch.rotator.waiting, fetch.rotator.inFlight]).toEqual([0, 0]);
    expect([calls.length, server.arrivals.length]).toEqual([1, 1]);
  });

  it("ends when the time-out of openai 6 does", async () => {
    const { fetch } = await setUp([soon], { provider: "openai", maxWaitMs: 60_000 });
    const client = new OpenAI({ apiKey: placeholder, fetch, maxRetries: 0, timeout: 200 });
    const error = await failureOf(client.responses.create({ model: "m1", input: "Hello" }));
    expect(error).toBeInstanceOf(APIConnectionTimeoutError);
    expect(fetch.rotator.waiting).toBe(0);
  });
});
