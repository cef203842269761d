import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { importPicture } from "./import-picture.ts";
import { violationsOf } from "./import-rules.ts";

const source = fileURLToPath(new URL("../../src/", import.meta.url));

function sourceFiles(): Record<string, string> {
  const files = readdirSync(source, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"));
  return Object.fromEntries(files.map((path) => [path, readFileSync(`${source}${path}`, "utf8")]));
}

describe("imports of src", () => {
  it("go in the direction of the picture", () => {
    const files = sourceFiles();
    expect(Object.keys(files).length).toBeGreaterThan(50);
    expect(violationsOf(files, importPicture)).toEqual([]);
  });
});

describe("violationsOf", () => {
  const known = {
    "types.ts": "export interface Clock {}",
    "core/key-rotator.ts": "",
    "fetch/create-rotating-fetch.ts": "",
    "stores/memory.ts": "",
    "stores/store.ts": "",
    "strategies/random.ts": "",
    "testing/index.ts": "",
  };

  it.each([
    ["the core imports a face", "core/lane.ts", 'import { f } from "../fetch/create-rotating-fetch.ts";'],
    ["the attempt loop imports a face", "attempt/loop.ts", 'export * from "../fetch/create-rotating-fetch.ts";'],
    ["a strategy imports the core", "strategies/mine.ts", 'import type { K } from "../core/key-rotator.ts";'],
    ["a strategy imports a store", "strategies/mine.ts", 'import type { S } from "../stores/store.ts";'],
    ["a provider imports a strategy", "providers/mine.ts", 'import { random } from "../strategies/random.ts";'],
    ["the core imports a store's code", "core/lane.ts", 'import { MemoryStore } from "../stores/memory.ts";'],
    ["the core imports a store's code among types", "core/lane.ts", 'import { type A, b } from "../stores/store.ts";'],
    ["the core imports a store at run time", "core/lane.ts", 'const store = import("../stores/memory.ts");'],
    ["the core names a store's class in a type", "core/lane.ts", 'let a: import("../stores/memory.ts").MemoryStore;'],
    ["the vocabulary imports anything", "types.ts", 'import type { K } from "./core/key-rotator.ts";'],
    ["the public surface exports the testing kit", "index.ts", 'export * from "./testing/index.ts";'],
    ["the core imports from Node", "core/lane.ts", 'import { createHash } from "node:crypto";'],
    ["a face imports from Node without the prefix", "fetch/mine.ts", 'import { createHash } from "crypto";'],
    ["the package imports itself by name", "core/lane.ts", 'import { KeyRotator } from "rotating-fetch";'],
    ["a file imports one that is not there", "core/lane.ts", 'import { a } from "./gone.ts";'],
  ])("tells when %s (in %s)", (_title, path, text) => {
    expect(violationsOf({ ...known, [path]: text }, importPicture)).toHaveLength(1);
  });

  it.each([
    ["the registry imports a store", "core/registry.ts", 'import { MemoryStore } from "../stores/memory.ts";'],
    ["the core imports a store's types", "core/lane.ts", 'import type { Store } from "../stores/store.ts";'],
    [
      "the core imports a store's types, marked one by one",
      "core/lane.ts",
      'import { type Store } from "../stores/store.ts";',
    ],
    ["the testing kit imports from Node", "testing/wire.ts", 'import { createServer } from "node:http";'],
    ["a face imports the core", "fetch/mine.ts", 'import { KeyRotator } from "../core/key-rotator.ts";'],
    ["any part imports a dependency", "core/lane.ts", 'import { LRUCache } from "lru-cache";'],
  ])("allows that %s (in %s)", (_title, path, text) => {
    expect(violationsOf({ ...known, [path]: text }, importPicture)).toEqual([]);
  });

  it.each(["export default 1;", "export default function name() {}", "const a = 1; export { a as default };"])(
    "tells of a default export: %s",
    (text) => {
      expect(violationsOf({ "core/lane.ts": text }, importPicture)).toEqual(["core/lane.ts has a default export"]);
    },
  );

  it("tells of a folder nobody thought of", () => {
    expect(violationsOf({ "helpers/strings.ts": "" }, importPicture)).toEqual([
      "helpers/strings.ts is in no part of the picture",
    ]);
  });
});
