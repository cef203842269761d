import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, inject, it } from "vitest";

const dist = join(inject("packageDirectory"), "dist");
const require = createRequire(import.meta.url);

const textOf = (ending: string): string =>
  readdirSync(dist)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(dist, name), "utf8"))
    .join("\n");

/** Every class of the build, exported or not. */
const classesIn = (text: string): string[] => [
  ...new Set(
    [...text.matchAll(/^(?:var (\w+) = class\b|class (\w+))/gm)].map(([, name, other]) => (name ?? other) as string),
  ),
];

describe("the CommonJS build", () => {
  it("is written as it was: nothing of ES2022 is lowered", () => {
    expect(textOf(".cjs").match(/\b(?:_optionalChain|_asyncOptionalChain|_nullishCoalesce|_class\d*)\b/)).toBeNull();
  });

  it("calls its classes what the ES modules call them", () => {
    const names = classesIn(textOf(".js"));
    expect(names).toContain("InvalidOptionsError");
    const common = new Set(classesIn(textOf(".cjs")));
    expect(names.filter((name) => !common.has(name))).toEqual([]);
  });
});

describe.each(["index", "core", "node", "redis", "testing"])("a class that %s exports", (entry) => {
  it("has the name it is exported as, in ES and in CommonJS modules", async () => {
    for (const exported of [
      (await import(pathToFileURL(join(dist, `${entry}.js`)).href)) as Record<string, unknown>,
      require(join(dist, `${entry}.cjs`)) as Record<string, unknown>,
    ]) {
      const misnamed = Object.entries(exported).filter(
        ([name, value]) => /^class\b/.test(String(value)) && (value as { name: string }).name !== name,
      );
      expect(misnamed.map(([name]) => name)).toEqual([]);
    }
  });
});
