import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/server/bounded-json.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("parseJson", () => {
  it("reads JSON, with brackets in its strings however many", () => {
    const value = { a: [1, { b: `${"[{".repeat(100)}\\"` }], "[[[": "\\" };
    expect(parseJson(bytes(JSON.stringify(value)))).toEqual(value);
  });

  it("reads 32 levels, and not one more", () => {
    const nested = (levels: number): Uint8Array => bytes("[".repeat(levels) + "]".repeat(levels));
    expect(parseJson(nested(32))).toBeInstanceOf(Array);
    expect(() => parseJson(nested(33))).toThrow("nested deeper than 32 levels");
  });

  it("repeats nothing of what it cannot read", () => {
    for (const text of ["secret", '{"a": secret', '"secret']) {
      expect(() => parseJson(bytes(text))).toThrow(new SyntaxError("not JSON"));
    }
  });
});
