import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForUsage, withUsageAsked } from "../../../src/attempt/reading/usage-request.ts";

const asking = { input: [], output: [], asked: true };

describe("asksForUsage", () => {
  it.each([
    ["/v1/chat/completions", asking, true],
    ["/v1/completions", asking, true],
    ["/openai/deployments/d/chat/completions?api-version=2024-10-21", asking, true],
    ["/v1/responses", asking, false],
    ["/v1/messages", asking, false],
    ["/v1/chat/completions/c-1/messages", asking, false],
    ["/v1/chat/completions", { input: [], output: [] }, false],
    ["/v1/chat/completions", undefined, false],
  ])("%s: %o", (path, shape, expected) => {
    expect(asksForUsage(path, shape)).toBe(expected);
  });
});

describe("withUsageAsked", () => {
  it("asks in every body that asks for a stream, and leaves the rest of its text as it is", () => {
    const fields = fc.dictionary(fc.string(), fc.jsonValue({ depthSize: "small" }));
    fc.assert(
      fc.property(fields, fields, fc.constantFrom(undefined, 1, "\t"), (before, after, space) => {
        for (const each of [before, after]) for (const name of ["stream", "stream_options"]) delete each[name];
        const body = JSON.stringify({ ...before, stream: true, ...after }, null, space);
        const asked = withUsageAsked(body);
        const addition = '"stream_options":{"include_usage":true},';
        expect(asked.replace(addition, "")).toBe(body);
        expect(JSON.parse(asked)).toEqual({ ...JSON.parse(body), stream_options: { include_usage: true } });
      }),
    );
  });

  it.each([
    ["asks for no stream", '{"model":"m"}'],
    ["declines a stream", '{"stream":false}'],
    ["says something else of it", '{"stream":"true"}'],
    ["says something like true", '{"stream":trues}'],
    ["says more of its stream", '{"stream":true,"stream_options":{"include_usage":false}}'],
    ["said more of its stream before", '{"stream_options":null,"stream":true}'],
    ["asks for a stream further down", '{"messages":[{"stream":true}]}'],
    ["only speaks of streams", '{"text":"\\"stream\\":true"}'],
    ["is cut short", '{"stream":true,"messages":["'],
    ["is a list", '[{"stream":true}]'],
    ["is no JSON", '"stream"=true'],
    ["is empty", ""],
  ])("returns the same text when the body %s", (_what, body) => {
    expect(withUsageAsked(body)).toBe(body);
  });

  it("sees what stands behind long messages", () => {
    const messages = [{ role: "user", content: '"stream_options" \\" {['.repeat(20_000) }];
    const asked = withUsageAsked(JSON.stringify({ messages, stream: true }));
    expect(JSON.parse(asked)).toEqual({ messages, stream: true, stream_options: { include_usage: true } });
    const says = JSON.stringify({ messages, stream: true, stream_options: {} });
    expect(withUsageAsked(says)).toBe(says);
  });

  it("leaves a body alone that is too long to look through", () => {
    const body = JSON.stringify({ text: "x".repeat(5_000_000), stream: true });
    expect(withUsageAsked(body)).toBe(body);
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), (noise, json) => {
        for (const body of [noise, json, `{"stream":true,${noise}`, json.slice(1)]) {
          expect(typeof withUsageAsked(body)).toBe("string");
        }
      }),
    );
  });
});
