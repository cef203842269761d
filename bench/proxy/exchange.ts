/** The requests that are sent and the answers there are: the same for every proxy. */

/** What the loads ask for. */
export type Ask = "json" | "stream";

/** Stands in a body whose answer shall tell which key came with it. */
export const checkMark = "which-key";
export const streamMark = '"stream":true';

const words = "Say in one sentence what a rotating proxy is good for.";

/** About 300 bytes. */
export function bodyOf(ask: Ask, isCheck = false): string {
  const messages = [
    { role: "system", content: "You are a helpful assistant that answers briefly and to the point." },
    { role: "user", content: words },
  ];
  const user = isCheck ? checkMark : "someone";
  return JSON.stringify({ model: "test-model", messages, temperature: 0.2, user, stream: ask === "stream" });
}

/** What the SDK most clients use sends along. */
const clientHeaders: Readonly<Record<string, string>> = {
  accept: "application/json",
  "content-type": "application/json",
  "user-agent": "Client/JS 6.49.0",
  "x-stainless-retry-count": "0",
  "x-stainless-lang": "js",
  "x-stainless-package-version": "6.49.0",
  "x-stainless-os": "Linux",
  "x-stainless-arch": "x64",
  "x-stainless-runtime": "node",
  "x-stainless-runtime-version": "v20.20.2",
};

/** A whole request as it goes over the wire. */
export function requestText({ port, path, token, headers }: Target, ask: Ask, isCheck = false): string {
  const body = bodyOf(ask, isCheck);
  const sent = {
    host: `127.0.0.1:${port}`,
    connection: "keep-alive",
    ...clientHeaders,
    authorization: `Bearer ${token}`,
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A proxy that listens. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What a provider says beside its answer. */
const answerHeaders = [
  "date: Sat, 21 Nov 2026 09:00:00 GMT",
  "server: test",
  "x-request-id: req-0123456789abcdef",
  "processing-ms: 412",
  "x-ratelimit-limit-requests: 1000000",
  "x-ratelimit-remaining-requests: 999999",
  "x-ratelimit-reset-requests: 6ms",
  "x-ratelimit-limit-tokens: 160000000",
  "x-ratelimit-remaining-tokens: 159999000",
  "x-ratelimit-reset-tokens: 9ms",
  "strict-transport-security: max-age=31536000",
  "cache-control: no-store",
].join("\r\n");

const about = { id: "chatcmpl-test", created: 1_700_000_000, model: "test-model" };

/** About 1 KiB of body. */
export function jsonAnswer(key = -1): string {
  const message = { role: "assistant", content: `${words} `.repeat(12), refusal: null };
  const usage = { prompt_tokens: 41, completion_tokens: 120, total_tokens: 161 };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  const body = JSON.stringify({ ...about, object: "chat.completion", key, choices, usage });
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${answerHeaders}`;
  return `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export const streamEvents = 20;

/** The pieces of a streamed answer, each written on its own. */
export function streamedAnswer(): readonly string[] {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${answerHeaders}\r\ntransfer-encoding: chunked\r\n\r\n`;
  const pieces = [head];
  for (let place = 0; place < streamEvents; place++) {
    const delta = place === 0 ? { role: "assistant", content: "" } : { content: ` word${place}` };
    const choices = [{ index: 0, delta, finish_reason: place === streamEvents - 1 ? "stop" : null }];
    pieces.push(chunkOf(`data: ${JSON.stringify({ ...about, object: "chat.completion.chunk", choices })}\n\n`));
  }
  pieces.push(`${chunkOf("data: [DONE]\n\n")}0\r\n\r\n`);
  return pieces;
}

function chunkOf(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
