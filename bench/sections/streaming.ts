import { UsageReader } from "../../src/attempt/reading/usage-reader.ts";
import { openai } from "../../src/judgement/providers/openai.ts";
import { type Send, url } from "../calls.ts";
import { type Limit, library, makeKeys } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

const encoder = new TextEncoder();
const contentChunks = 200;

const eventOf = (data: object): Uint8Array => encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
const about = { id: "chatcmpl-test", object: "chat.completion.chunk", created: 1_700_000_000, model: "test-model" };
const contentOf = (place: number): Uint8Array =>
  eventOf({ ...about, choices: [{ index: 0, delta: { content: ` word${place}` }, finish_reason: null }] });
const usageChunk = eventOf({
  ...about,
  choices: [],
  usage: { prompt_tokens: 90, completion_tokens: contentChunks, total_tokens: 90 + contentChunks },
});
const chunks = [
  ...Array.from({ length: contentChunks }, (_, place) => contentOf(place)),
  usageChunk,
  encoder.encode("data: [DONE]\n\n"),
];

/** Every chunk is there as soon as it is asked for. */
const streamStub: Send = async () => {
  let place = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks[place++];
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
};

/** Looks for the usage in what passes, with what the platform has for it. */
const byHand: Send = async (to, init) => {
  const response = await streamStub(to, init);
  let last = "";
  const decoder = new TextDecoder();
  const watching = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      last = (last + decoder.decode(chunk, { stream: true })).slice(-4096);
      controller.enqueue(chunk);
    },
    flush() {
      if (!last.includes('"usage"')) throw new Error("No usage was seen");
    },
  });
  return new Response(response.body?.pipeThrough(watching) ?? null, response);
};

const bare = "bare stream";
const passed = "limit on requests: handed through";
const observed = "concurrency limit: end observed";
const counted = "token limit: end observed, usage read";
const handWritten = "by hand: TransformStream and a search";
const readerAlone = "UsageReader alone, no stream";

/** What a streamed answer costs that is read for its usage, against one that is handed through. */
export async function streaming(): Promise<void> {
  printTitle(
    `(g) a streamed answer of ${chunks.length} chunks (${chunks[0]?.length} bytes each), read to its end, ns a chunk`,
  );
  const rows: Row[] = [
    streamRow(bare, streamStub),
    streamRow(passed, through([{ requests: 1e9 }])),
    streamRow(observed, through([{ concurrency: 1e6 }])),
    streamRow(counted, through([{ tokens: 1e12 }])),
    streamRow(handWritten, byHand),
    { name: readerAlone, run: readAlone },
  ];
  await assertCounts();
  const timings = await compare(rows, { rounds: roundsOf(60), batchMs: 8 });
  const perChunk = (ns: number): string => figure(ns / chunks.length);
  printTable(
    ["answer", "ns a chunk", "over the bare one", "us an answer", "x the bare one"],
    rows.map(({ name }) => {
      const { p10, median, p90 } = timings.nanoseconds(name);
      const more = timings.difference(name, bare).median;
      const each = { p10: p10 / chunks.length, median: median / chunks.length, p90: p90 / chunks.length };
      const isStream = name !== readerAlone;
      const ratio = isStream ? spreadText(timings.ratio(name, bare)) : "";
      return [name, spreadText(each), isStream ? perChunk(more) : "", figure(median / 1000), ratio];
    }),
  );
  printGoal("reading the usage, over observing the end", timings.ratio(counted, observed).median, 1.1, "x");
  printGoal("observed and read, against by hand", timings.ratio(counted, handWritten).median, 1, "x");
}

function through(limits: readonly Limit[]): Send {
  const baseURL = "https://api.example.test/v1";
  return library.createRotatingFetch({
    keys: makeKeys(3),
    provider: "openai",
    baseURL,
    limits,
    fetch: streamStub as typeof fetch,
  });
}

const init: RequestInit = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "test-model", stream: true, messages: [{ role: "user", content: "Hello" }] }),
};

function streamRow(name: string, send: Send): Row {
  return {
    name,
    async run(count) {
      for (let call = 0; call < count; call++) await readToEnd(await send(url, init));
    },
  };
}

async function readToEnd(response: Response): Promise<void> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let read = 0;
  while (!(await reader.read()).done) read++;
  if (read !== chunks.length) throw new Error(`Expected ${chunks.length} chunks, got ${read}`);
}

function readAlone(count: number): void {
  if (openai.usage === undefined) throw new Error("The preset should know where usage stands");
  for (let call = 0; call < count; call++) {
    const reader = new UsageReader(openai.usage);
    for (const chunk of chunks) reader.push(chunk);
    if (reader.finish()?.outputTokens !== contentChunks) throw new Error("Usage was not read");
  }
}

/** A fast wrong answer is worth nothing. */
async function assertCounts(): Promise<void> {
  const fetch = library.createRotatingFetch({
    keys: makeKeys(1),
    provider: "openai",
    baseURL: "https://api.example.test/v1",
    limits: [{ tokens: 1e6 }],
    fetch: streamStub as typeof globalThis.fetch,
  });
  await readToEnd(await fetch(url, init));
  const used = (await fetch.rotator.snapshot()).keys[0]?.limits[0]?.used;
  if (used !== 90 + contentChunks) throw new Error(`Expected ${90 + contentChunks} tokens to be counted, got ${used}`);
}
