import Anthropic, { RateLimitError } from "@anthropic-ai/sdk";
import Anthropic0, { RateLimitError as RateLimitError0 } from "anthropic-0";
import type { RotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { text } from "./support/answers/answer.ts";
import { describeClient, expectNoStranger } from "./support/describe-client.ts";
import { joinedText, secondsOf } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder, setUp } from "./support/world.ts";

const request = { model: "m1", max_tokens: 100, messages: [{ role: "user" as const, content: "Hello" }] };

const majors = [
  { name: "anthropic 1", Client: Anthropic, RateLimit: RateLimitError, keyIn: "authorization" },
  {
    name: "anthropic 0.137",
    Client: Anthropic0 as unknown as typeof Anthropic,
    RateLimit: RateLimitError0,
    keyIn: "x-api-key",
  },
] as const;

for (const { name, Client, RateLimit, keyIn } of majors) {
  // Keys of the environment are tried apart, below.
  const open = (fetch: RotatingFetch): Anthropic => new Client({ apiKey: placeholder, authToken: null, fetch });
  const ask = (fetch: RotatingFetch): Promise<unknown> => open(fetch).messages.create(request);
  describeClient({
    name,
    options: { provider: "anthropic" },
    keyIn,
    operations: {
      async "a message"(fetch) {
        const { content } = await open(fetch).messages.create(request);
        return content[0]?.type === "text" ? content[0].text : "";
      },
      async "a streamed message"(fetch) {
        const stream = await open(fetch).messages.create({ ...request, stream: true });
        return joinedText(stream, (event) =>
          event.type === "content_block_delta" && event.delta.type === "text_delta" ? event.delta.text : "",
        );
      },
      async "the stream helper"(fetch) {
        return open(fetch).messages.stream(request).finalText();
      },
      async "an upload"(fetch) {
        return (await open(fetch).beta.files.upload({ file: newFile() })).filename;
      },
    },
    exhausted: {
      documented: ask,
      byDefault: ask,
      defaultCalls: 1,
      read(error) {
        if (!(error instanceof RateLimit)) throw error;
        return { status: error.status, retryAfterSeconds: secondsOf(error.headers?.get("retry-after")) };
      },
    },
  });

  describe(name, () => {
    it("shows the keys of its environment to nobody, whichever of the two headers it puts them in", async () => {
      const { fetch, server } = await setUp([undefined], { provider: "anthropic" });
      const { content } = await new Client({ apiKey: placeholder, fetch }).messages.create(request);
      expect(content[0]?.type === "text" && content[0].text).toBe(text);
      expect(server.arrivals[0]?.credentials).toHaveLength(1);
      expectNoStranger(server);
    });

    it("does not probe the fetch before an upload", async () => {
      const { fetch, calls, server } = await setUp([undefined], { provider: "anthropic" });
      await open(fetch).beta.files.upload({ file: newFile() });
      expect([calls.length, server.arrivals.length]).toEqual([1, 1]);
    });
  });
}
