import { describe, expect, it } from "vitest";
import { StreamEnding } from "../../../src/attempt/reading/stream-ending.ts";

const shape = { preamble: [], terminal: ["[DONE]", "response.completed", "finishReason"] };

function endingOf(text: string, pieceSize: number): string {
  const ending = new StreamEnding(shape);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += pieceSize) ending.push(bytes.subarray(at, at + pieceSize));
  return ending.finish();
}

const word = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n';

describe("StreamEnding", () => {
  it.each([1, 7, 100, 4096, 5000, 100_000])("tells a whole stream from a cut one, in pieces of %i bytes", (size) => {
    const long = word.repeat(1_000);
    expect(endingOf(`${long}data: [DONE]\n\n`, size)).toBe("complete");
    expect(endingOf(`${long}data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n`, size)).toBe("complete");
    expect(endingOf(long, size)).toBe("truncated");
    expect(endingOf(long.slice(0, -10), size)).toBe("truncated");
  });

  it("takes a stream of nothing for a cut one", () => {
    expect(endingOf("", 1)).toBe("truncated");
    expect(endingOf(": keep-alive\n\n", 100)).toBe("truncated");
  });

  it("believes a last event whose beginning is too far back, if it is whole", () => {
    const data = "x".repeat(20_000);
    expect(endingOf(`${word}event: response.completed\ndata: {"text":"${data}"}\n\n`, 1000)).toBe("complete");
    expect(endingOf(`${word}event: response.completed\ndata: {"text":"${data}`, 1000)).toBe("truncated");
  });
});
