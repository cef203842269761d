import { ChatOpenAI } from "@langchain/openai";
import { HTTPClient, Mistral } from "@mistralai/mistralai";
import { SDKError } from "@mistralai/mistralai/models/errors";
import { Cohere, CohereClientV2 } from "cohere-ai";
import Groq, { RateLimitError as GroqRateLimitError } from "groq-sdk";
import { RateLimitError } from "openai";
import type { RotatingFetch } from "rotating-fetch";
import { describeClient } from "./support/describe-client.ts";
import { joinedText, secondsOf } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder } from "./support/world.ts";

const model = "m1";
const messages = [{ role: "user" as const, content: "Hello" }];

const openLangchain = (configuration: object, settings = {}): ChatOpenAI =>
  new ChatOpenAI({ model, apiKey: placeholder, configuration, ...settings });

describeClient({
  name: "@langchain/openai",
  options: { provider: "openai" },
  keyIn: "authorization",
  operations: {
    async "a message"(fetch) {
      return (await openLangchain({ fetch }).invoke("Hello")).text;
    },
    async "a streamed message"(fetch) {
      return joinedText(await openLangchain({ fetch }).stream("Hello"), (part) => part.text);
    },
  },
  exhausted: {
    documented: (fetch) => openLangchain({ fetch }, { maxRetries: 0 }).invoke("Hello"),
    byDefault: (fetch) => openLangchain({ fetch }).invoke("Hello"),
    defaultCalls: 1,
    defaultCallsWithinMinute: 7,
    read(error) {
      if (!(error instanceof RateLimitError)) throw error;
      const { status, headers } = error;
      return { status, retryAfterSeconds: secondsOf(headers?.get("retry-after")) };
    },
  },
});

const openGroq = (fetch: RotatingFetch): Groq => new Groq({ apiKey: placeholder, fetch });

describeClient({
  name: "groq-sdk",
  options: { provider: "groq" },
  keyIn: "authorization",
  operations: {
    async "a chat"(fetch) {
      const completion = await openGroq(fetch).chat.completions.create({ model, messages });
      return completion.choices[0]?.message.content ?? "";
    },
    async "a streamed chat"(fetch) {
      const stream = await openGroq(fetch).chat.completions.create({ model, messages, stream: true });
      return joinedText(stream, ({ choices: [choice] }) => choice?.delta.content);
    },
    async "a transcription"(fetch) {
      return (await openGroq(fetch).audio.transcriptions.create({ model: "whisper-large-v3", file: newFile() })).text;
    },
  },
  exhausted: {
    documented: (fetch) => openGroq(fetch).chat.completions.create({ model, messages }),
    byDefault: (fetch) => openGroq(fetch).chat.completions.create({ model, messages }),
    defaultCalls: 1,
    read(error) {
      if (!(error instanceof GroqRateLimitError)) throw error;
      return { status: error.status, retryAfterSeconds: secondsOf(error.headers?.get("retry-after")) };
    },
  },
});

const openMistral = (fetch: RotatingFetch): Mistral =>
  new Mistral({ apiKey: placeholder, httpClient: new HTTPClient({ fetcher: fetch }) });
const askMistral = (fetch: RotatingFetch): Promise<unknown> => openMistral(fetch).chat.complete({ model, messages });

describeClient({
  name: "mistral 2",
  options: { provider: "mistral" },
  keyIn: "authorization",
  operations: {
    async "a chat"(fetch) {
      const completion = await openMistral(fetch).chat.complete({ model, messages });
      return String(completion.choices[0]?.message?.content);
    },
    async "a streamed chat"(fetch) {
      const stream = await openMistral(fetch).chat.stream({ model, messages });
      return joinedText(stream, ({ data }) => data.choices[0]?.delta.content as string);
    },
    async "an upload"(fetch) {
      return (await openMistral(fetch).files.upload({ file: newFile() })).filename;
    },
  },
  exhausted: {
    documented: askMistral,
    byDefault: askMistral,
    defaultCalls: 1,
    read(error) {
      if (!(error instanceof SDKError)) throw error;
      return { status: error.statusCode, retryAfterSeconds: secondsOf(error.headers.get("retry-after")) };
    },
  },
});

const openCohere = (fetch: RotatingFetch, settings = {}): CohereClientV2 =>
  new CohereClientV2({ token: placeholder, fetch, ...settings });

describeClient({
  name: "cohere 8",
  options: { provider: "cohere" },
  keyIn: "authorization",
  operations: {
    async "a chat"(fetch) {
      const { message } = await openCohere(fetch).chat({ model, messages });
      const [content] = message.content ?? [];
      return content?.type === "text" ? content.text : "";
    },
    async "a streamed chat"(fetch) {
      const stream = await openCohere(fetch).chatStream({ model, messages });
      return joinedText(stream, (event) =>
        event.type === "content-delta" ? event.delta?.message?.content?.text : undefined,
      );
    },
  },
  exhausted: {
    documented: (fetch) => openCohere(fetch, { maxRetries: 0 }).chat({ model, messages }),
    byDefault: (fetch) => openCohere(fetch).chat({ model, messages }),
    defaultCalls: 3,
    read(error) {
      if (!(error instanceof Cohere.TooManyRequestsError)) throw error;
      return { status: error.statusCode, retryAfterSeconds: secondsOf(error.rawResponse?.headers.get("retry-after")) };
    },
  },
});
