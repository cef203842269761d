import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const directory = fileURLToPath(new URL(".", import.meta.url));

/** What a reader has already: the pages do not repeat it. */
const reader = `
import type { Redis } from "ioredis";
import type { KeyConfig, KeyRotator, Limit, createRotatingFetch as create } from "rotating-fetch";
declare global {
  const createRotatingFetch: typeof create;
  const keys: readonly KeyConfig[];
  const limits: readonly Limit[];
  const client: Redis;
  const server: { close(): void };
  const rotator: KeyRotator;
}`;

/** Every block of TypeScript that has to do with Redis, as a file beside the tests, by its name. */
function snippetsOf(page: string): readonly (readonly [name: string, code: string])[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8").replaceAll("\r\n", "\n");
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  const chosen = page === "docs/redis.md" ? blocks : blocks.filter((code) => code.includes("rotating-fetch/redis"));
  return chosen.map((code, place) => [
    `${page.replaceAll(/\W/g, "-")}-${place + 1}.snippet.ts`,
    `${code}\nexport {};\n`,
  ]);
}

/** What the compiler says of them, as strict as this project's own settings. */
function complaints(snippets: ReadonlyMap<string, string>): readonly string[] {
  const { config } = ts.readConfigFile(join(directory, "tsconfig.json"), ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, directory);
  // Rules of this project's, not of those who read the pages.
  const options = { ...parsed.options, noPropertyAccessFromIndexSignature: false, noUnusedLocals: false };
  const files = new Map([[join(directory, "reader.snippet.ts"), reader]]);
  for (const [name, code] of snippets) files.set(join(directory, name), code);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  const program = ts.createProgram([...files.keys()], options, host);
  const found = [...files.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
  return found.map(({ file, start = 0, messageText }) => {
    const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
    return `${file?.fileName.slice(directory.length)}:${line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

describe("the snippets of docs/redis.md, and those of README.md about Redis", () => {
  it("are what the compiler takes", () => {
    const [page, readme] = [snippetsOf("docs/redis.md"), snippetsOf("README.md")];
    expect(page.length).toBeGreaterThan(4);
    expect(readme).toHaveLength(1);
    expect(complaints(new Map([...page, ...readme]))).toEqual([]);
  }, 120_000);
});
