import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { fileNameOf, readSnippets } from "./support/snippets.ts";

const directory = fileURLToPath(new URL(".", import.meta.url));

/** What the compiler says of the tests and of the snippets of docs/clients.md, as if each were a file beside them. */
function complaints(): readonly string[] {
  const { config } = ts.readConfigFile(join(directory, "tsconfig.json"), ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, directory);
  const snippets = new Map(readSnippets().map((snippet) => [join(directory, fileNameOf(snippet)), snippet.code]));
  // A rule of this project's, not of those who read the page.
  const host = ts.createCompilerHost({ ...options, noPropertyAccessFromIndexSignature: false });
  const { fileExists, readFile } = host;
  host.fileExists = (path) => snippets.has(path) || fileExists(path);
  host.readFile = (path) => snippets.get(path) ?? readFile(path);
  const names = [...fileNames, ...snippets.keys()];
  const program = ts.createProgram(names, { ...options, noPropertyAccessFromIndexSignature: false }, host);
  const files = names.map((name) => program.getSourceFile(name));
  const found = files.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ]);
  return found.map(({ file, start = 0, messageText }) => {
    const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
    return `${file?.fileName.slice(directory.length)}:${line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

describe("the type of a rotating fetch", () => {
  it("fits the clients of docs/clients.md as it is", () => {
    expect(complaints()).toEqual([]);
  }, 300_000);
});
