import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { describe, expect, inject, it } from "vitest";

const built = (name: string): string => join(inject("packageDirectory"), "dist", name);
/** Globals that only Node has, or that mean CommonJS. */
const nodeGlobals = new Set(["process", "Buffer", "require", "module", "exports", "__dirname", "__filename", "global"]);

interface BuiltFile {
  readonly specifiers: string[];
  readonly globals: string[];
}

function inspect(text: string): BuiltFile {
  const found: BuiltFile = { specifiers: [], globals: [] };
  const source = ts.createSourceFile("built.js", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.specifiers.push((node.moduleSpecifier as ts.StringLiteral).text);
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.specifiers.push(node.arguments[0]?.getText() ?? "");
    }
    if (ts.isIdentifier(node) && nodeGlobals.has(node.text) && !isName(node)) found.globals.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Does the identifier only name a property, or something that is used only where it is there (`globalThis.process?.`)? */
function isName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) {
    const isGlobal = parent.expression.getText() === "globalThis";
    return parent.name === node && (!isGlobal || isOptional(parent));
  }
  return (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent)) && parent.name === node;
}

function isOptional(node: ts.PropertyAccessExpression): boolean {
  const { parent } = node;
  return ts.isPropertyAccessExpression(parent) && parent.questionDotToken !== undefined;
}

/** The built entry with all chunks it is made of. */
function inspectWithChunks(path: string, seen = new Set<string>()): BuiltFile {
  seen.add(path);
  const found = inspect(readFileSync(path, "utf8"));
  for (const specifier of found.specifiers.filter((each) => each.startsWith("."))) {
    const chunk = join(dirname(path), specifier);
    if (seen.has(chunk)) continue;
    const { specifiers, globals } = inspectWithChunks(chunk, seen);
    found.specifiers.push(...specifiers);
    found.globals.push(...globals);
  }
  return found;
}

/**
 * Loads the module where everything that has an effect is watched, and Node's own globals are gone. What dependencies
 * do is theirs: only calls with a frame of the package itself count.
 */
const watchedImport = `
  const print = process.stdout.write.bind(process.stdout);
  const [, address, marker] = process.argv;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const calls = [];
  const watch = (owner, name) => {
    const original = owner[name];
    owner[name] = function (...values) {
      if (new Error().stack.includes(marker)) calls.push(name);
      return Reflect.apply(original, this, values);
    };
  };
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch"]) watch(globalThis, name);
  watch(Math, "random");
  watch(Date, "now");
  watch(performance, "now");
  watch(crypto, "getRandomValues");
  watch(crypto, "randomUUID");
  for (const method of ["log", "warn", "error", "info"]) watch(console, method);
  delete globalThis.process;
  delete globalThis.Buffer;
  const before = new Set(Object.getOwnPropertyNames(globalThis));
  const loaded = await import(address);
  const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name));
  print(JSON.stringify({ calls, added, exported: Object.keys(loaded).length }));
`;

function importWatched(address: string, marker: string): unknown {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", watchedImport, address, marker],
    { encoding: "utf8" },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe.each(["index.js", "hono.js"])("dist/%s", (name) => {
  const index = built(name);

  it("imports nothing from Node", () => {
    const { specifiers } = inspectWithChunks(index);
    expect(specifiers).toContain("eventemitter3");
    expect(specifiers.filter((each) => each.includes("node:") || builtinModules.includes(each))).toEqual([]);
  });

  it("uses no global that only Node has", () => {
    expect(inspectWithChunks(index).globals).toEqual([]);
  });

  it("does nothing when it is loaded, and loads without Node's globals", () => {
    const { href } = pathToFileURL(index);
    const expected = { calls: [], added: [], exported: expect.any(Number) };
    expect(importWatched(href, href.slice(0, href.lastIndexOf("/")))).toEqual(expected);
  });
});

describe("inspect", () => {
  it("finds what a portable file must not have", () => {
    const text = 'import { a } from "node:fs"; a(process.env, globalThis.Buffer); b.process = { module: 1 };';
    expect(inspect(text)).toEqual({ specifiers: ["node:fs"], globals: ["process", "Buffer"] });
  });
});

describe("importWatched", () => {
  it("notices what a module does when it is loaded", () => {
    const address =
      "data:text/javascript,setTimeout(() => {}, Math.random()); globalThis.mark = 1; export const a = 1;";
    const expected = { calls: ["random", "setTimeout"], added: ["mark"], exported: 1 };
    expect(importWatched(address, "data:text/javascript")).toEqual(expected);
  });
});
