import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateTokens, payloadTokens } from "../../../src/attempt/reading/token-estimate.ts";
import { outputReserve } from "../../../src/limits/limits.ts";

const chat = { path: "/v1/chat/completions" };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const picture = (length: number): string => randomBytes(length).toString("base64");
const words = (count: number): string => "Some words, and some more. ".repeat(Math.ceil(count / 27)).slice(0, count);

describe("estimateTokens", () => {
  it("counts a token for four characters or bytes, rounded up", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 500 }), (content) => {
        const body = JSON.stringify({ content });
        expect(estimateTokens(body, chat).input).toBe(Math.ceil(body.length / 4));
        expect(estimateTokens(bytes(body), chat).input).toBe(Math.ceil(bytes(body).length / 4));
      }),
    );
  });

  it("counts every payload once, whatever stands around it and however long it is", () => {
    const parts = fc.array(fc.tuple(fc.integer({ min: 3_100, max: 60_000 }), fc.nat({ max: 2_000 })), { maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.boolean(), (sizes, asBytes) => {
        const content = sizes.map(([size, text]) => ({
          url: `data:image/png;base64,${picture(size)}`,
          text: words(text),
        }));
        const body = JSON.stringify({ content });
        const text = body.length - sizes.reduce((sum, [size]) => sum + 4 * Math.ceil(size / 3), 0);
        const { input } = estimateTokens(asBytes ? bytes(body) : body, chat);
        const expected = Math.ceil(text / 4) + sizes.length * payloadTokens;
        // A word that touches a payload belongs to it.
        expect(Math.abs(input - expected)).toBeLessThanOrEqual(10 * sizes.length);
      }),
      { numRuns: 50 },
    );
  });

  it("counts a short payload no higher than its characters", () => {
    const body = JSON.stringify({ signature: picture(750) });
    expect(estimateTokens(body, chat).input).toBeLessThanOrEqual(Math.ceil(body.length / 4) + 1);
  });

  it("knows payloads by other alphabets", () => {
    const data = randomBytes(30_000);
    const escaped = JSON.stringify({ data: data.toString("base64") }).replaceAll("/", "\\/");
    expect(estimateTokens(escaped, chat).input).toBeLessThan(payloadTokens + 10);
    expect(estimateTokens(JSON.stringify({ data: data.toString("base64url") }), chat).input).toBeLessThan(
      payloadTokens + 10,
    );
  });

  it.each([
    ["one letter over and over", "x".repeat(40_000)],
    ["words without end", "word".repeat(10_000)],
    ["digits", "0123456789".repeat(4_000)],
    ["Chinese", "没有空格的文字".repeat(5_000)],
    ["words", words(40_000)],
    ["identifiers", Array.from({ length: 600 }, () => picture(48)).join(" ")],
  ])("takes %s for text", (_what, content) => {
    const body = JSON.stringify({ content });
    expect(estimateTokens(body, chat).input).toBe(Math.ceil(body.length / 4));
  });

  it("counts bytes that are no text like one payload", () => {
    const sound = new Uint8Array(randomBytes(400_000));
    sound[0] = 0x52;
    expect(estimateTokens(sound, { path: "/v1/audio" }).input).toBe(payloadTokens);
    expect(estimateTokens(sound.subarray(0, 40), { path: "/v1/audio" }).input).toBe(10);
  });

  it.each([
    ["max_tokens", '{"model":"m","max_tokens":100}', 100],
    ["max_completion_tokens", '{"max_completion_tokens": 100 }', 100],
    ["max_output_tokens", '{"max_output_tokens":100}', 100],
    ["the larger of two", '{"max_tokens":50,"max_completion_tokens":100}', 100],
    ["Gemini's field", '{"contents":[],"generationConfig":{"temperature":1,"maxOutputTokens":100}}', 100],
    ["Gemini's field in Python's spelling", '{"generation_config":{"max_output_tokens":100}}', 100],
    ["Code Assist's field", '{"model":"m","request":{"generationConfig":{"maxOutputTokens":100}}}', 100],
    ["Ollama's field", '{"options":{"num_predict":100}}', 100],
    ["several choices", '{"n":3,"max_tokens":100}', 300],
    ["several candidates", '{"generationConfig":{"candidateCount":2,"maxOutputTokens":100}}', 200],
    ["no choice", '{"n":0,"max_tokens":100}', 100],
    ["none", '{"max_tokens":0}', 0],
    ["more than is kept free", '{"max_tokens":32000}', outputReserve],
    ["nothing", '{"model":"m"}', outputReserve],
    ["no bound", '{"options":{"num_predict":-1}}', outputReserve],
    ["something else", '{"max_tokens":"100"}', outputReserve],
    ["a decoy", '{"messages":[{"max_tokens":5}],"text":"\\"max_tokens\\":5"}', outputReserve],
    ["JSON cut short", '{"max_tokens":10', outputReserve],
    ["a field far behind", `{"text":"${"x".repeat(100_000)}","max_tokens":100}`, outputReserve],
    ["no JSON", "max_tokens=100", outputReserve],
  ])("keeps as much free for the answer as is asked for: %s", (_what, body, expected) => {
    expect(estimateTokens(body, chat).output).toBe(expected);
    expect(estimateTokens(bytes(body), chat).output).toBe(expected);
  });

  it("takes another reserve", () => {
    expect(estimateTokens("{}", chat, 50).output).toBe(50);
    expect(estimateTokens('{"max_tokens":32000}', chat, 8_000).output).toBe(8_000);
  });

  it.each([
    "/v1/embeddings",
    "/v1/embeddings/",
    "/openai/deployments/d/embeddings?api-version=2024-10-21",
    "/v2/embed",
    "/v1/moderations",
    "/v2/rerank",
    "/v1/messages/count_tokens",
    "/v1beta/models/m:countTokens",
    "/v1beta/models/m:batchEmbedContents",
    "https://api.example/v1/embeddings",
  ])("expects nothing out of %s", (path) => {
    expect(estimateTokens('{"max_tokens":100}', { path })).toEqual({ input: 5, output: 0 });
  });

  it("expects nothing of a request without a body", () => {
    for (const body of [undefined, "", new Uint8Array()]) {
      expect(estimateTokens(body, { path: "/v1/models" })).toEqual({ input: 0, output: 0 });
    }
  });

  it("takes a time that grows no faster than the body, even for bodies made to be slow", () => {
    const nearly = `${"Aa1".repeat(170)}.`;
    const shapes = [
      (length: number) => picture(length * 0.75),
      (length: number) => nearly.repeat(length / nearly.length),
      (length: number) => '\\"'.repeat(length / 2),
      (length: number) => "[".repeat(length),
      (length: number) => '"a",'.repeat(length / 4),
    ];
    const timed = (body: string): number => {
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 5; round++) {
        const start = performance.now();
        estimateTokens(body, chat);
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    for (const make of shapes) {
      const short = Buffer.from(`{"a":"${make(1_000_000)}`).toString();
      const long = Buffer.from(`{"a":"${make(8_000_000)}`).toString();
      expect(timed(long)).toBeLessThan(30 * timed(short) + 5);
    }
  });
});
