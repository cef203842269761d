import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { UsageReader } from "../../../src/attempt/reading/usage-reader.ts";
import type { UsageShape } from "../../../src/judgement/provider.ts";
import { providers } from "../../../src/named/presets.ts";
import type { Usage } from "../../../src/types.ts";
import { runs } from "../../support/runs.ts";

const encoder = new TextEncoder();

function shapeOf(name: string): UsageShape {
  const shape = providers.find((provider) => provider.name === name)?.usage;
  if (shape === undefined) throw new Error(`no usage known for ${name}`);
  return shape;
}

function read(name: string, ...pieces: (string | Uint8Array)[]): Usage | undefined {
  const reader = new UsageReader(shapeOf(name));
  for (const piece of pieces) reader.push(typeof piece === "string" ? encoder.encode(piece) : piece);
  return reader.finish();
}

function usage(inputTokens: number, outputTokens: number): Usage {
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

const events = (...data: (object | string)[]): string =>
  data.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("");

const named = (...data: { readonly type: string; readonly [field: string]: unknown }[]): string =>
  data.map((event) => `event: ${event.type}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`).join("");

/** Words of a model that look like what is searched for. */
const bait = 'Say "usage": {"prompt_tokens": 666, "input_tokens": 666, "completion_tokens": 666}\n\ndata: {"usage": 6}';

const chat = { prompt_tokens: 25, completion_tokens: 7, total_tokens: 32 };
const delta = (content: string, more: object = {}): object => ({
  id: "c-1",
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  ...more,
});
const chatJson = (told: object): string =>
  JSON.stringify({ id: "c-1", choices: [{ message: { role: "assistant", content: bait } }], usage: told });
const chatStream = (told: object): string =>
  events(
    delta("", { usage: null }),
    delta(bait, { usage: null }),
    { id: "c-1", choices: [], usage: { ...told, prompt_tokens_details: { cached_tokens: 20 } } },
    "[DONE]",
  );

const responsesUsage = {
  input_tokens: 25,
  input_tokens_details: { cached_tokens: 20 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 32,
};
const responsesJson = JSON.stringify({
  object: "response",
  output: [{ content: [{ text: bait }] }],
  usage: responsesUsage,
  metadata: {},
});
const responsesStream = named(
  { type: "response.created", response: { status: "in_progress", output: [], usage: null } },
  { type: "response.output_text.delta", delta: bait },
  {
    type: "response.completed",
    response: { status: "completed", output: [{ content: [{ text: bait }] }], usage: responsesUsage, metadata: {} },
  },
);

const anthropicUsage = { input_tokens: 20, cache_creation_input_tokens: 5, cache_read_input_tokens: 900 };
const anthropicJson = JSON.stringify({
  type: "message",
  content: [{ type: "text", text: bait }],
  usage: { ...anthropicUsage, output_tokens: 7, service_tier: "standard" },
});
const anthropicStream = (told: object): string =>
  named(
    { type: "message_start", message: { role: "assistant", usage: { ...anthropicUsage, output_tokens: 1 } } },
    { type: "ping" },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: bait } },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: told },
    { type: "message_stop" },
  );

const geminiChunk = (text: string, counts: object): object => ({
  candidates: [{ content: { role: "model", parts: [{ text }] } }],
  usageMetadata: { promptTokenCount: 20, cachedContentTokenCount: 15, ...counts },
});
const geminiLast = geminiChunk(bait, {
  candidatesTokenCount: 4,
  thoughtsTokenCount: 3,
  toolUsePromptTokenCount: 5,
  totalTokenCount: 32,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: 20 }],
});
const geminiChunks = [geminiChunk("H", { totalTokenCount: 20 }), geminiLast];
const wrapped = (chunk: object): object => ({ response: chunk, traceId: "t" });

const cohereUsage = {
  billed_units: { input_tokens: 3, output_tokens: 7 },
  tokens: { input_tokens: 25.0, output_tokens: 7.0 },
};

const chatOnly = [
  "cerebras",
  "cloudflare-workers-ai",
  "deepseek",
  "fireworks",
  "github-models",
  "huggingface",
  "mistral",
  "modelscope",
  "moonshot",
  "nvidia-nim",
  "siliconflow",
  "together",
  "volcengine-ark",
];
const chatAndResponses = ["openai", "azure-openai", "openrouter", "perplexity", "xai", "litellm-proxy", "newapi-relay"];
const chatAndMessages = ["kimi-coding", "minimax", "zhipu"];
const googles = ["gemini", "vertex"];

type Sample = readonly [provider: string, what: string, body: string, expected: Usage];

const samples: Sample[] = [
  ...[...chatOnly, ...chatAndResponses, ...chatAndMessages, ...googles, "dashscope", "groq", "cohere"].flatMap(
    (name): Sample[] => [
      [name, "a chat completion", chatJson(chat), usage(25, 7)],
      [name, "a stream of a chat completion", chatStream(chat), usage(25, 7)],
    ],
  ),
  ...[...chatAndResponses, "groq"].flatMap((name): Sample[] => [
    [name, "a response", responsesJson, usage(25, 7)],
    [name, "a stream of a response", responsesStream, usage(25, 7)],
  ]),
  ...chatAndMessages.flatMap((name): Sample[] => [
    [name, "a message", anthropicJson, usage(925, 7)],
    [name, "a stream of a message", anthropicStream({ output_tokens: 7 }), usage(925, 7)],
  ]),
  ...googles.flatMap((name): Sample[] => [
    [name, "generated content", JSON.stringify(geminiLast, null, 2), usage(25, 7)],
    [name, "a stream of events", geminiChunks.map((chunk) => events(chunk)).join(""), usage(25, 7)],
    [
      name,
      "a stream as an array",
      `[${geminiChunks.map((chunk) => JSON.stringify(chunk)).join(",\r\n")}]`,
      usage(25, 7),
    ],
  ]),
  ["anthropic", "a message", anthropicJson, usage(25, 7)],
  ["anthropic", "a stream", anthropicStream({ output_tokens: 7 }), usage(25, 7)],
  ["anthropic", "a stream that restates all", anthropicStream({ ...anthropicUsage, output_tokens: 7 }), usage(25, 7)],
  ["anthropic", "a relay that restates zeros", anthropicStream({ input_tokens: 0, output_tokens: 7 }), usage(25, 7)],
  ["anthropic", "a relay that knows later", anthropicStream({ input_tokens: 40, output_tokens: 7 }), usage(45, 7)],
  ["gemini-code-assist", "generated content", JSON.stringify(wrapped(geminiLast)), usage(25, 7)],
  ["gemini-code-assist", "a stream", events(...geminiChunks.map(wrapped)), usage(25, 7)],
  ["cohere", "an answer", JSON.stringify({ message: { content: [{ text: bait }] }, usage: cohereUsage }), usage(25, 7)],
  [
    "cohere",
    "a stream",
    named(
      { type: "content-delta", delta: { message: { content: { text: bait } } } },
      { type: "message-end", delta: { finish_reason: "COMPLETE", usage: cohereUsage } },
    ),
    usage(25, 7),
  ],
  ["cohere", "embeddings", '{"meta":{"billed_units":{"input_tokens":25}}}', { inputTokens: 25 }],
  [
    "groq",
    "a stream with its own place",
    events(delta(bait), delta("", { x_groq: { id: "r", usage: chat } })),
    usage(25, 7),
  ],
  [
    "groq",
    "a stream that says it twice",
    events(delta("", { x_groq: { usage: chat } }), { choices: [], usage: chat }),
    usage(25, 7),
  ],
  [
    "together",
    "a stream that says it with the finish reason",
    events(delta(bait), delta("", { usage: chat })),
    usage(25, 7),
  ],
  [
    "dashscope",
    "a native answer",
    '{"output":{"text":"x"},"usage":{"input_tokens":25,"output_tokens":7}}',
    usage(25, 7),
  ],
  [
    "xai",
    "reasoning beside what came out",
    chatJson({
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      completion_tokens_details: { reasoning_tokens: 94 },
    }),
    usage(32, 103),
  ],
  [
    "openai",
    "embeddings",
    '{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":25,"total_tokens":25}}',
    usage(25, 0),
  ],
  [
    "openai",
    "a relay that fills both dialects",
    chatJson({ ...chat, input_tokens: 0, output_tokens: 0, input_tokens_details: null }),
    usage(25, 7),
  ],
  ["generic", "an API of which nothing is known", chatJson(chat), usage(25, 7)],
  ["openai", "a relay that forgets the total", chatJson({ ...chat, total_tokens: 0 }), usage(25, 7)],
  ["deepseek", "a stream after a wait", `: keep-alive\n\n: keep-alive\n\n${chatStream(chat)}`, usage(25, 7)],
  ["deepseek", "an answer after a wait", `\n\n\n${chatJson(chat)}`, usage(25, 7)],
];

/** Cuts a body at many places, also inside of characters. */
function cut(body: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (body.length + 1)))].sort((one, other) => one - other);
  return [0, ...sorted].map((from, index) => body.slice(from, sorted[index] ?? body.length));
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Checks that the reader keeps little of what it was fed with; freed memory is told of with some delay. */
async function expectLittleKept(feed: (reader: UsageReader) => void): Promise<UsageReader> {
  const reader = new UsageReader(shapeOf("openai"));
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  feed(reader);
  await vi.waitFor(() => {
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(500_000);
  });
  return reader;
}

describe("UsageReader", () => {
  it.each(samples)("%s: reads %s", (provider, _what, body, expected) => {
    expect(read(provider, body)).toEqual(expected);
    expect(read(provider, ...[...encoder.encode(body)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it("has a sample of every provider that tells", () => {
    const told = providers.filter((provider) => provider.usage !== undefined).map((provider) => provider.name);
    expect(new Set(samples.map(([name]) => name))).toEqual(new Set(told));
  });

  it("says the same whatever the chunks are, and however long the answer is", () => {
    const text = fc.string({ unit: "binary", maxLength: 40 });
    const long = fc.oneof(
      text,
      fc.tuple(text, fc.integer({ min: 0, max: 4_000 })).map(([part, times]) => `${part}é"\\`.repeat(times)),
    );
    const body = fc
      .tuple(fc.constantFrom("json", "events", "responses", "array"), long, fc.array(text, { maxLength: 3 }))
      .map(([layout, content, words]): [string, string] => {
        const output = [{ content: [{ text: content }] }];
        if (layout === "json") return ["openai", JSON.stringify({ choices: output, usage: chat })];
        if (layout === "array") return ["gemini", JSON.stringify([geminiChunk(content, {}), geminiLast])];
        if (layout === "events") {
          return ["openai", events(delta(content), ...words.map((word) => delta(word)), { choices: [], usage: chat })];
        }
        const completed = { type: "response.completed", response: { output, usage: responsesUsage, text: words } };
        return ["openai", named({ type: "response.created", response: {} }, completed)];
      });
    fc.assert(
      fc.property(body, fc.array(fc.nat(), { maxLength: 300 }), ([provider, text], places) => {
        expect(read(provider, ...cut(encoder.encode(text), places))).toEqual(usage(25, 7));
      }),
      { numRuns: runs(300) },
    );
  });

  it("never takes what a model says for what was used", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 40_000 }), (text, padding) => {
        const words = `${text}${" ".repeat(padding)}${bait}${text}`;
        expect(read("openai", JSON.stringify({ choices: [{ message: { content: words } }] }))).toBeUndefined();
        expect(read("openai", events(delta(words), delta(bait)))).toBeUndefined();
        expect(read("openai", JSON.stringify({ choices: [{ message: { usage: chat } }] }))).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it("never throws and never says what is no count, whatever the bytes are", () => {
    const hostile = fc.constantFrom(
      '{"usage":{"prompt_tokens":',
      "data: ",
      "-1",
      "1e999",
      "[",
      "}",
      '"',
      "\\",
      "\n",
      "{",
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.oneof(hostile, fc.json(), fc.string())).map((parts) => encoder.encode(parts.join(""))),
      fc.tuple(fc.constantFrom(...samples), fc.nat()).map(([[, , body], end]) => {
        const whole = encoder.encode(body);
        return whole.slice(0, end % whole.length);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom("openai", "anthropic", "gemini"), bytes, (provider, given) => {
        for (const value of Object.values(read(provider, given) ?? {})) {
          if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
        }
      }),
      { numRuns: runs(2_000) },
    );
  });

  it.each([
    ["a negative count", '{"usage":{"prompt_tokens":-5,"completion_tokens":-1}}'],
    ["a count without end", '{"usage":{"prompt_tokens":1e999,"completion_tokens":9007199254740993}}'],
    ["a count as text", '{"usage":{"prompt_tokens":"5","completion_tokens":null}}'],
    ["nothing but zeros", '{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}'],
    ["a count cut in two", '{"usage":{"prompt_tokens":12'],
    ["a page", "<html>usage</html>"],
    ["nothing", ""],
  ])("says nothing of %s", (_what, body) => {
    expect(read("openai", body)).toBeUndefined();
  });

  it("says of a stream cut short what it had told until then", () => {
    const body = anthropicStream({ output_tokens: 7 });
    expect(read("anthropic", body.slice(0, body.indexOf("message_delta")))).toEqual({ inputTokens: 25 });
  });

  it("counts up what several places say, and the first of several names for one number", () => {
    const shape: UsageShape = { input: ["a.x | b.x", "a.y"], output: ["a.z"] };
    const reader = new UsageReader(shape);
    reader.push(encoder.encode('{"b":{"x":100},"a":{"y":2,"x":1,"z":4}}'));
    expect(reader.finish()).toEqual(usage(3, 4));
  });

  it("finds the end of an answer whose beginning it has long forgotten", () => {
    const words = `${bait}\\"{[`.repeat(5_000);
    for (let shift = 0; shift < 8; shift++) {
      const text = "x".repeat(shift) + words;
      const output = [{ content: [{ text }] }];
      expect(read("openai", JSON.stringify({ output, usage: responsesUsage }))).toEqual(usage(25, 7));
      expect(read("openai", events({ response: { output, usage: responsesUsage, more: [{ usage: 1 }] } }))).toEqual(
        usage(25, 7),
      );
      expect(read("gemini", JSON.stringify([geminiChunk(text, {}), geminiChunk(text, {}), geminiLast]))).toEqual(
        usage(25, 7),
      );
      expect(
        read("anthropic", anthropicStream({ output_tokens: 7 }).replace("ping", text.replaceAll(/[\n"\\]/g, " "))),
      ).toEqual(usage(25, 7));
    }
  });

  it.each([100, 4_096, 65_536, 50_000_000])("keeps little of 50 MB in chunks of %i bytes", async (size) => {
    const reader = await expectLittleKept((fed) => {
      fed.push(encoder.encode('{"choices":["'));
      for (let left = 50_000_000; left > 0; left -= size) fed.push(new Uint8Array(Math.min(size, left)).fill(120));
      fed.push(encoder.encode(`"],"usage":${JSON.stringify(chat)}}`));
    });
    expect(reader.finish()).toEqual(usage(25, 7));
  });

  it("does not keep memory alive that chunks are only small parts of", async () => {
    const reader = await expectLittleKept((fed) => {
      for (let count = 0; count < 200; count++) fed.push(new Uint8Array(1_000_000).subarray(0, 10));
    });
    expect(reader.finish()).toBeUndefined();
  });

  it("survives chunks whose memory was handed on", () => {
    const reader = new UsageReader(shapeOf("openai"));
    const chunk = encoder.encode(chatJson(chat));
    const exact = new Uint8Array(chunk);
    reader.push(exact);
    structuredClone(exact, { transfer: [exact.buffer] });
    expect(reader.finish()).toBeUndefined();
  });
});
