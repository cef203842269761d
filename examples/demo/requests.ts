import type OpenAI from "openai";
import { createRecord, type RequestRecord } from "./request-log.ts";

const prompts = [
  "Name a color.",
  "Name a river.",
  "Name a bird.",
  "Name a tree.",
  "Name a fruit.",
  "Name a planet.",
  "Name a metal.",
  "Name a dance.",
  "Name a fabric.",
  "Name a spice.",
  "Name a game.",
  "Name a tool.",
] as const;

/** Requests under way at the same time. */
const concurrency = 2;

/** A dozen requests, every third of them streamed. */
export function planRequests(): readonly RequestRecord[] {
  return prompts.map((prompt, place) => createRecord(place + 1, prompt, place % 3 === 1));
}

export interface RunOptions {
  readonly model: string;
  /** A client whose requests go out for this record. */
  clientFor(record: RequestRecord): OpenAI;
  /** Makes an error fit to be shown. */
  describeError(error: unknown): string;
  ended(record: RequestRecord): void;
}

/** Sends all requests, a few at a time. A request that fails is written down, not thrown. */
export async function runRequests(records: readonly RequestRecord[], options: RunOptions): Promise<void> {
  const pending = records.values();
  const work = async (): Promise<void> => {
    for (const record of pending) await runRequest(record, options);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

async function runRequest(record: RequestRecord, options: RunOptions): Promise<void> {
  record.state = "running";
  record.startedAt = performance.now();
  try {
    await askModel(record, options.clientFor(record), options.model);
    record.state = "succeeded";
  } catch (error) {
    record.state = "failed";
    record.error = options.describeError(error);
  }
  record.endedAt = performance.now();
  options.ended(record);
}

async function askModel(record: RequestRecord, client: OpenAI, model: string): Promise<void> {
  const messages = [{ role: "user" as const, content: `${record.prompt} Answer in one short sentence.` }];
  if (!record.isStreamed) {
    const completion = await client.chat.completions.create({ model, messages });
    record.answerLength = completion.choices[0]?.message.content?.length ?? 0;
    return;
  }
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    record.answerLength += chunk.choices[0]?.delta.content?.length ?? 0;
  }
}
