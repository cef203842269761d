import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What is asked of the server, in the header `x-answer`. */
export type AnswerName = "first" | "bulk" | "paced";

/** Stands before the moment at which an event was written: nanoseconds of a clock that all processes here share. */
export const stampMark = '"sent_at":"';
export const bulkWrites = 3052;
const bulkWriteBytes = 65_536;
export const bulkBytes = bulkWrites * bulkWriteBytes;
export const pacedEvents = 200;
const pacedEveryMs = 5;
/** Long enough that what comes before content is read on its own. */
const thoughtMs = 3;

export const promptTokens = 90;
export const completionTokens = 200;

const about = { id: "chatcmpl-test", object: "chat.completion.chunk", created: 1_700_000_000, model: "test-model" };
const eventOf = (data: object): string => `data: ${JSON.stringify({ ...about, ...data })}\n\n`;
const deltaOf = (delta: object): object => ({ choices: [{ index: 0, delta, finish_reason: null }] });
const role = eventOf(deltaOf({ role: "assistant", content: "" }));
const stamped = (content: string): string =>
  eventOf({ ...deltaOf({ content }), sent_at: String(process.hrtime.bigint()) });
const usage = {
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
};
const closing = `${eventOf({ choices: [], usage })}data: [DONE]\n\n`;

/** Whole events, the last of them long enough to fill a write exactly. */
function fullWrite(): Buffer {
  let text = "";
  for (let place = 0; ; place++) {
    const event = eventOf(deltaOf({ content: ` word${place}` }));
    const left = bulkWriteBytes - text.length;
    if (left < 2 * event.length) return Buffer.from(text + eventOf(deltaOf({ content: padding(left) })));
    text += event;
  }
}

function padding(bytes: number): string {
  return "x".repeat(bytes - eventOf(deltaOf({ content: "" })).length);
}

const full = fullWrite();

/** As fast as it is taken. */
async function sendBulk(response: ServerResponse): Promise<void> {
  response.write(role);
  for (let count = 0; count < bulkWrites && !response.destroyed; count++) {
    if (!response.write(full)) await roomIn(response);
  }
}

function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off("drain", go).off("close", go);
      resolve();
    };
    response.on("drain", go).on("close", go);
  });
}

async function sendFirst(response: ServerResponse): Promise<void> {
  response.write(role);
  await sleep(thoughtMs);
  response.write(stamped("Hello"));
  await sleep(1);
}

/** Every event at its own time, whatever the ones before it did. */
async function sendPaced(response: ServerResponse): Promise<void> {
  response.write(role);
  const startedAt = performance.now();
  for (let place = 1; place <= pacedEvents && !response.destroyed; place++) {
    await sleep(Math.max(1, startedAt + place * pacedEveryMs - performance.now()));
    response.write(stamped(` word${place}`));
  }
}

const senders: Readonly<Record<AnswerName, (response: ServerResponse) => Promise<void>>> = {
  first: sendFirst,
  bulk: sendBulk,
  paced: sendPaced,
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  for await (const _ of request);
  const send = senders[request.headers["x-answer"] as AnswerName];
  response.writeHead(200, { "content-type": request.headers["x-type"] as string });
  await send(response);
  response.end(closing);
}

/** A provider that streams, in a process of its own, so that it takes no time from the reader's event loop. */
function main(): void {
  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1", () => {
    process.send?.({ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
  });
  process.once("disconnect", () => process.exit(0));
}

// Others take the figures above from here.
if (process.argv[1] === import.meta.filename) main();
