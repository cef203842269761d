import { ApiError, GoogleGenAI } from "@google/genai";
import type { RotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { describeClient } from "./support/describe-client.ts";
import { joinedText } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder, setUp } from "./support/world.ts";

const request = { model: "m1", contents: "Hello" };
const open = (fetch: RotatingFetch): GoogleGenAI => new GoogleGenAI({ apiKey: placeholder, httpOptions: { fetch } });
const ask = (fetch: RotatingFetch): Promise<unknown> => open(fetch).models.generateContent(request);

describeClient({
  name: "genai 2",
  options: { provider: "gemini" },
  keyIn: "x-goog-api-key",
  operations: {
    async "a content"(fetch) {
      return (await open(fetch).models.generateContent(request)).text ?? "";
    },
    async "a streamed content"(fetch) {
      return joinedText(await open(fetch).models.generateContentStream(request), (part) => part.text);
    },
    async "an upload in two steps"(fetch) {
      return (await open(fetch).files.upload({ file: newFile() })).displayName ?? "";
    },
    async "an interaction"(fetch) {
      const { steps } = await open(fetch).interactions.create({ model: "m1", input: "Hello" });
      const [step] = steps ?? [];
      const content = step?.type === "model_output" ? step.content?.[0] : undefined;
      return content?.type === "text" ? (content.text ?? "") : "";
    },
  },
  exhausted: {
    documented: ask,
    byDefault: ask,
    defaultCalls: 1,
    read(error) {
      if (!(error instanceof ApiError)) throw error;
      // The headers are lost; the message is the body.
      const [, seconds] = /"retryDelay":"(\d+)s"/.exec(error.message) ?? [];
      return { status: error.status, retryAfterSeconds: Number(seconds) };
    },
  },
});

describe("genai 2", () => {
  it("sends both steps of an upload with one key, while uploads take turns", async () => {
    const { fetch, server, secrets } = await setUp([undefined, undefined], { provider: "gemini" });
    for (let count = 0; count < 2; count++) await open(fetch).files.upload({ file: newFile() });
    const places = server.arrivals.map(({ credentials: [secret = ""] }) => secrets.indexOf(secret));
    expect(places).toEqual([0, 0, 1, 1]);
  });
});
