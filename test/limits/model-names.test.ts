import { describe, expect, it } from "vitest";
import { InvalidOptionsError } from "../../src/errors.ts";
import { type ModelNames, realName, resolveServedModels, servesModel } from "../../src/limits/model-names.ts";

const names = (given: Record<string, string>): ModelNames => resolveServedModels("models", given) as ModelNames;

describe("ModelNames", () => {
  const all = names({
    "*": "other/*",
    "gpt-*": "openai/gpt-*",
    smart: "llama-3.3-70b",
    "gpt-*-mini": "small/*",
    "*$&": "$&*$1",
  });

  it.each([
    ["smart", "llama-3.3-70b"],
    ["gpt-5", "openai/gpt-5"],
    ["gpt-5-mini", "small/5"],
    ["gpt-", "openai/gpt-"],
    ["claude", "other/claude"],
    ["a*b", "other/a*b"],
    ["cost$&", "$&cost$1"],
    ["toString", "other/toString"],
  ])("knows %s as %s", (alias, name) => {
    expect(all.nameOf(alias)).toBe(name);
  });

  it("serves nothing it does not name, and lets no part of a name count twice", () => {
    const few = names({ smart: "x", "ab*ba": "y" });
    expect([few.nameOf("Smart"), few.nameOf("toString"), few.nameOf("aba"), few.nameOf("abba")]).toEqual([
      undefined,
      undefined,
      undefined,
      "y",
    ]);
    expect([servesModel(few, "smart"), servesModel(few, "other"), realName(few, "other")]).toEqual([
      true,
      false,
      "other",
    ]);
  });

  it("is written as it was given", () => {
    expect(JSON.stringify(names({ b: "1", a: "2" }))).toBe('{"b":"1","a":"2"}');
  });
});

describe("resolveServedModels", () => {
  it("leaves a list a filter", () => {
    const list = resolveServedModels("models", "gpt-*");
    expect([list, servesModel(list, "gpt-5"), servesModel(list, "x"), realName(list, "gpt-5")]).toEqual([
      ["gpt-*"],
      true,
      false,
      "gpt-5",
    ]);
  });

  it.each([
    ["no entry", {}, "models"],
    ["an empty name", { smart: "" }, 'models["smart"]'],
    ["a name of spaces", { smart: "  " }, 'models["smart"]'],
    ["no text for a name", { smart: 5 }, 'models["smart"]'],
    ["an empty alias", { "": "x" }, "models"],
    ["two stars", { "a*b*": "x" }, 'models["a*b*"]'],
    ["two stars in a name", { "a*": "*-*" }, 'models["a*"]'],
    ["a star that stands for nothing", { smart: "x-*" }, 'models["smart"]'],
    ["a line break", { smart: "a\r\nb" }, 'models["smart"]'],
    ["a list without an entry", [], "models"],
    ["a number", 5, "models"],
    ["nothing", null, "models"],
  ])("refuses %s", (_what, given, field) => {
    const refused = () => resolveServedModels("models", given);
    expect(refused).toThrow(InvalidOptionsError);
    expect(refused).toThrow(expect.objectContaining({ field }));
  });
});
