import { describe, expect, it } from "vitest";
import { StreamOpening } from "../../../src/attempt/reading/stream-opening.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const preamble = ["response.created", "message_start", "ping"];
const holdsError = (body: unknown): boolean => typeof body === "object" && body !== null && "error" in body;

/** Feeds pieces until enough is seen; returns how many it took, or "more", and the errors met. */
function open(pieces: readonly string[]): { readonly after: number | "more"; readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const opening = new StreamOpening({ preamble, terminal: [] }, (body) => {
    if (!holdsError(body)) return false;
    errors.push(body);
    return true;
  });
  const at = pieces.findIndex((piece) => opening.push(bytes(piece)));
  return { after: at === -1 ? "more" : at + 1, errors };
}

const role = 'data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n';
const word = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n';

describe("StreamOpening", () => {
  it("is over at the first event with content", () => {
    expect(open([role, word]).after).toBe(2);
    expect(open([word]).after).toBe(1);
    expect(open(["data: [DONE]\n\n"]).after).toBe(1);
    expect(open(["data: plain text\n\n"]).after).toBe(1);
  });

  it("passes over comments, preamble events by name or type, and chunks that say nothing yet", () => {
    const nothing = [
      ": PROCESSING\n\n",
      'event: ping\ndata: {"type":"ping"}\n\n',
      'data: {"type":"message_start","message":{}}\n\n',
      'event: response.created\ndata: {"type":"response.created"}\n\n',
      'data: {"choices":[],"prompt_filter_results":[]}\n\n',
      role,
    ];
    expect(open(nothing).after).toBe("more");
    expect(open([...nothing, word]).after).toBe(nothing.length + 1);
  });

  it.each([
    ["a tool call", '{"choices":[{"delta":{"role":"assistant","tool_calls":[{"id":"a"}]}}]}'],
    ["reasoning", '{"choices":[{"delta":{"role":"assistant","content":"","reasoning":"hm"}}]}'],
    ["a finish reason", '{"choices":[{"delta":{},"finish_reason":"length"}]}'],
    ["usage alone", '{"choices":[],"usage":{"total_tokens":3}}'],
    ["a second choice that says something", '{"choices":[{"delta":{"role":"a"}},{"delta":{"content":"Hi"}}]}'],
  ])("takes %s for content", (_name, data) => {
    expect(open([`data: ${data}\n\n`]).after).toBe(1);
  });

  it("finds an error behind a preamble, in whichever way it is written", () => {
    const nested = { error: { type: "overloaded_error" } };
    expect(open([role, `data: ${JSON.stringify(nested)}\n\n`])).toEqual({ after: 2, errors: [nested] });
    const flat = { type: "error", code: "rate_limit_exceeded", message: "Slow down." };
    expect(open([`event: error\ndata: ${JSON.stringify(flat)}\n\n`]).errors).toEqual([{ error: flat }]);
    expect(open([`data: ${JSON.stringify(flat)}\n\n`]).errors).toEqual([{ error: flat }]);
  });

  it("puts events together that arrive in any pieces, with any line ends", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `event: error${end}data: {"error":{"message":"Zürich"}}${end}${end}data: x${end}${end}`;
      const whole = bytes(text);
      const errors: unknown[] = [];
      const opening = new StreamOpening({ preamble, terminal: [] }, (body) => errors.push(body) > 0);
      for (const byte of whole) if (opening.push(Uint8Array.of(byte))) break;
      expect(errors).toEqual([{ error: { message: "Zürich" } }]);
    }
  });

  it("looks at no event behind the one that decided", () => {
    const { errors } = open([`${word}data: {"error":{"message":"late"}}\n\n`]);
    expect(errors).toEqual([]);
  });

  it("keeps eight events and 64 KiB at most", () => {
    expect(open(Array.from({ length: 20 }, () => role)).after).toBe(9);
    const comment = `: ${"x".repeat(1021)}\n`;
    expect(open(Array.from({ length: 100 }, () => comment)).after).toBe(64);
    expect(open([`data: {"error":${" ".repeat(70_000)}`]).after).toBe(1);
  });
});
