import { createOpenAI } from "@ai-sdk/openai";
import { GoogleGenAI } from "@google/genai";
import { HTTPClient, Mistral } from "@mistralai/mistralai";
import { experimental_transcribe as transcribe } from "ai";
import ky from "ky";
import OpenAI from "openai";
import { fetch as undiciFetch } from "undici";
import { describeClient } from "./support/describe-client.ts";
import { joinedText } from "./support/reading.ts";
import { newFile } from "./support/uploads.ts";
import { placeholder, type Sender } from "./support/world.ts";

// The `Request`, `FormData` and `File` of the platform are none to this one. It has a file of its own because its package
// takes the place of the platform's dispatcher when it is loaded.
const send = undiciFetch as unknown as Sender;
const model = "m1";
const messages = [{ role: "user" as const, content: "Hello" }];

describeClient({
  name: "openai 6 over undici's fetch",
  options: { provider: "openai" },
  keyIn: "authorization",
  send,
  operations: {
    async "a streamed chat"(fetch) {
      const client = new OpenAI({ apiKey: placeholder, fetch });
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      return joinedText(stream, ({ choices: [choice] }) => choice?.delta.content);
    },
    async "an upload"(fetch) {
      const client = new OpenAI({ apiKey: placeholder, fetch });
      return (await client.files.create({ file: newFile(), purpose: "batch" })).filename;
    },
  },
});

describeClient({
  name: "ai 6 over undici's fetch",
  options: { provider: "openai" },
  keyIn: "authorization",
  send,
  operations: {
    async "a transcription"(fetch) {
      const whisper = createOpenAI({ apiKey: placeholder, fetch }).transcription("whisper-1");
      return (await transcribe({ model: whisper, audio: await newFile().bytes() })).text;
    },
  },
});

describeClient({
  name: "genai 2 over undici's fetch",
  options: { provider: "gemini" },
  keyIn: "x-goog-api-key",
  send,
  operations: {
    async "an upload in two steps"(fetch) {
      const client = new GoogleGenAI({ apiKey: placeholder, httpOptions: { fetch } });
      return (await client.files.upload({ file: newFile() })).displayName ?? "";
    },
  },
});

describeClient({
  name: "mistral 2 over undici's fetch",
  options: { provider: "mistral" },
  keyIn: "authorization",
  send,
  operations: {
    async "a chat"(fetch) {
      const client = new Mistral({ apiKey: placeholder, httpClient: new HTTPClient({ fetcher: fetch }) });
      return String((await client.chat.complete({ model, messages })).choices[0]?.message?.content);
    },
    async "an upload"(fetch) {
      const client = new Mistral({ apiKey: placeholder, httpClient: new HTTPClient({ fetcher: fetch }) });
      return (await client.files.upload({ file: newFile() })).filename;
    },
  },
});

describeClient({
  name: "ky 1 over undici's fetch",
  options: { baseURL: "https://api.example.com/v1" },
  keyIn: "authorization",
  send,
  operations: {
    async "a POST of JSON"(fetch) {
      const client = ky.create({ prefixUrl: "https://api.example.com/v1", fetch });
      return (await client.post("items", { json: { text: "Hello" } }).json<{ text: string }>()).text;
    },
    async "an upload"(fetch) {
      const form = new FormData();
      form.set("file", newFile());
      const client = ky.create({ prefixUrl: "https://api.example.com/v1", fetch });
      return (await client.post("items", { body: form }).json<{ text: string }>()).text;
    },
  },
});
