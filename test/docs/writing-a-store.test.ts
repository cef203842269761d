import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const at = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = at("docs/writing-a-store.md");
const snippets = [...page.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, file, text]) => ({
  file: file as string,
  text: text as string,
}));

describe("docs/writing-a-store.md", () => {
  it("has no code of its own", () => {
    expect(snippets.length).toBeGreaterThan(5);
    expect(page.match(/^```ts/gm)).toHaveLength(snippets.length);
  });

  it.each(snippets)("shows of $file what stands there", ({ file, text }) => {
    expect(at(`examples/sqlite-store/${file}`)).toContain(text);
  });

  it("has every capability of a store, with its default", () => {
    const claims = at("src/testing/contract/claims.ts").split("export type Claims")[0] ?? "";
    const known = [...claims.matchAll(/@default (\w+)(?: |\n {3})\*\/\n {2}readonly (\w+)\?/g)];
    const rows = [...page.matchAll(/^\| `(\w+)` \| .* \| `(true|false)` \|$/gm)];
    expect(known).toHaveLength(8);
    expect(rows.map(([, name, byDefault]) => [name, byDefault])).toEqual(
      known.map(([, byDefault, name]) => [name, byDefault]),
    );
  });

  it("names tests of the contract that there are", () => {
    const directory = new URL("../../src/testing/contract/", import.meta.url);
    const contract = readdirSync(directory)
      .map((name) => readFileSync(new URL(name, directory), "utf8"))
      .join("");
    const mistakes = page.split("## Common mistakes")[1] ?? "";
    const named = [...mistakes.matchAll(/`([a-z]+(?: [^`]+)+)`/g)].map(([, name]) => name as string);
    expect(named.length).toBeGreaterThan(7);
    expect(named.filter((name) => !contract.includes(`test("${name.replace(/ …$/, "")}`))).toEqual([]);
  });
});
