import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachMember, topLevelNumbers, topLevelString } from "../../../src/attempt/reading/request-facts.ts";

/** What a full parse says; a name that occurs twice is left out, because there the first one wins. */
function byParsing(text: string, field: string): string | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, field)) return;
  const found = (value as Record<string, unknown>)[field];
  return typeof found === "string" ? found : undefined;
}

const field = fc.constantFrom("model", "m", "model ", "Model", "a");
const objects = fc.dictionary(fc.oneof(field, fc.string()), fc.jsonValue({ depthSize: "small" }));

describe("topLevelString", () => {
  it("agrees with a full parse, whatever the object holds and however it is spaced", () => {
    fc.assert(
      fc.property(objects, field, fc.constantFrom(undefined, 1, "\t"), (object, wanted, space) => {
        const text = JSON.stringify(object, null, space);
        expect(topLevelString(text, wanted)).toBe(byParsing(text, wanted));
      }),
      { numRuns: 2_000 },
    );
  });

  it("finds the model behind, before and among nested decoys", () => {
    fc.assert(
      fc.property(objects, objects, fc.string(), (before, after, model) => {
        const decoy = { nested: { model: "wrong" }, list: [{ model: "wrong" }], text: '"model":"wrong"' };
        const { model: _first, ...head } = before;
        const { model: _second, ...tail } = after;
        const text = JSON.stringify({ ...head, decoy, model, ...tail });
        expect(topLevelString(text, "model")).toBe(byParsing(text, "model"));
        expect(topLevelString(text, "model")).toBe(model);
      }),
    );
  });

  it("never throws and never hangs, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((json) => json.slice(0, -1)),
        ),
        (text) => {
          const found = topLevelString(text, "model");
          expect(["string", "undefined"]).toContain(typeof found);
        },
      ),
    );
  });

  it.each([
    ["another kind of value", '{"model":7}'],
    ["an array", '["model","m"]'],
    ["a string", '"model"'],
    ["nothing", ""],
    ["text that is no JSON", "model=gpt"],
    ["a broken escape", '{"model":"\\u12"}'],
    ["an object cut short", '{"model":"gp'],
  ])("finds nothing in %s", (_what, text) => {
    expect(topLevelString(text, "model")).toBeUndefined();
  });

  it("finds what stands behind a long text, where clients put it that name the messages first", () => {
    const filler = "x".repeat(100_000);
    expect(topLevelString(`{"model":"near","text":"${filler}"}`, "model")).toBe("near");
    expect(topLevelString(`{"text":"${filler}","model":"far"}`, "model")).toBe("far");
    expect(topLevelString(`{"text":"${filler}","list":["model","no"]}`, "model")).toBeUndefined();
  });

  it("reads a name that is written with escapes", () => {
    expect(topLevelString('{"\\u006dodel":"m"}', "model")).toBe("m");
    expect(topLevelString('{"\\u006eodel":"m"}', "model")).toBeUndefined();
  });
});

describe("topLevelNumbers", () => {
  it("agrees with a full parse, whatever the object holds and however it is spaced", () => {
    const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    const named = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.oneof(number, fc.jsonValue({ depthSize: "small" })));
    const object = fc.record({ before: fc.jsonValue(), a: number, inner: named, n: fc.oneof(number, fc.string()) });
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, "\t"), (given, space) => {
        const text = JSON.stringify(given, null, space);
        const parsed = JSON.parse(text) as typeof given;
        const found = topLevelNumbers(text, ["a", "n", "inner.b", "inner.c", "missing.x"]);
        const wanted: [string, unknown][] = [
          ["a", parsed.a],
          ["n", parsed.n],
          ["inner.b", parsed.inner["b"]],
          ["inner.c", parsed.inner["c"]],
        ];
        expect(new Map(found)).toEqual(new Map(wanted.filter(([, value]) => typeof value === "number")));
      }),
    );
  });

  it.each([
    ["a number cut short", '{"a":12'],
    ["a number in a list", '{"a":[1]}'],
    ["a number further down", '{"b":{"a":1}}'],
    ["a number as text", '{"a":"1"}'],
    ["what is no number", '{"a":1-2e}'],
    ["a list", "[1]"],
    ["nothing", ""],
  ])("finds nothing in %s", (_what, text) => {
    expect(topLevelNumbers(text, ["a"]).size).toBe(0);
  });
});

describe("forEachMember", () => {
  it("says whether the object was walked to its end", () => {
    const names = (text: string): [string[], boolean] => {
      const found: string[] = [];
      const isWhole = forEachMember(text, 0, text.length, (name) => {
        found.push(name);
        return name !== "stop";
      });
      return [found, isWhole];
    };
    expect(names('{"a":{"x":"}"},"b":[1,{}]}')).toEqual([["a", "b"], true]);
    expect(names(" { } ")).toEqual([[], true]);
    expect(names('{"a":1,"b":2')).toEqual([["a", "b"], false]);
    expect(names('{"a":1,"stop":2,"b":3}')).toEqual([["a", "stop"], false]);
    expect(names("[]")).toEqual([[], false]);
  });
});
