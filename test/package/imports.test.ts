import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { importPicture } from "./import-picture.ts";
import { circlesIn, violationsOf } from "./import-rules.ts";

const source = fileURLToPath(new URL("../../src/", import.meta.url));

/** More than these in a folder is a hall. */
const mostFilesInFolder = 15;
/** Folders of data: a file each. */
const dataFolders = new Set(["judgement/providers", "judgement/providers/services"]);

const files: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(source, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => [path, readFileSync(`${source}${path}`, "utf8")]),
);

describe("imports of src", () => {
  it("go in the direction of the picture", () => {
    expect(Object.keys(files).length).toBeGreaterThan(50);
    expect(violationsOf(files, importPicture)).toEqual([]);
  });

  it("run in no circle, types included", () => {
    expect(circlesIn(files)).toEqual([]);
  });

  it("name only rooms that there are", () => {
    const folders = new Set(Object.keys(files).map((path) => posix.dirname(path)));
    const named = Object.entries(importPicture).flatMap(([name, { may, mayTypes = [] }]) => [
      name,
      ...may,
      ...mayTypes,
    ]);
    expect([...new Set(named)].filter((name) => !folders.has(name) && !(name in files))).toEqual([]);
  });
});

describe("folders of src", () => {
  it(`hold at most ${mostFilesInFolder} files`, () => {
    const counts = new Map<string, number>();
    for (const path of Object.keys(files)) counts.set(posix.dirname(path), (counts.get(posix.dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([folder, count]) => count > mostFilesInFolder && !dataFolders.has(folder))).toEqual([]);
  });
});

describe("violationsOf", () => {
  const known = {
    "types.ts": "export interface Clock {}",
    "pool/picker.ts": "",
    "pool/ready/ready-set.ts": "",
    "fetch/create-rotating-fetch.ts": "",
    "operate/snapshot.ts": "",
    "stores/memory-key-store.ts": "",
    "limits/memory/memory.ts": "",
    "limits/store.ts": "",
    "pool/strategies/random.ts": "",
    "pool/strategies/strategy.ts": "",
    "judgement/provider.ts": "",
    "testing/index.ts": "",
  };

  it.each([
    ["the pool imports an adapter", "pool/mine.ts", 'import { f } from "../fetch/create-rotating-fetch.ts";'],
    ["an attempt imports an adapter", "attempt/loop.ts", 'export * from "../fetch/create-rotating-fetch.ts";'],
    ["an attempt imports what operators see", "attempt/loop.ts", 'import type { S } from "../operate/snapshot.ts";'],
    ["a subroom imports its room", "pool/ready/mine.ts", 'import { Picker } from "../picker.ts";'],
    ["a strategy imports the pool", "pool/strategies/mine.ts", 'import type { K } from "../picker.ts";'],
    [
      "a strategy imports the store's seam",
      "pool/strategies/mine.ts",
      'import type { S } from "../../limits/store.ts";',
    ],
    [
      "a provider imports a strategy",
      "judgement/providers/mine.ts",
      'import { r } from "../../pool/strategies/random.ts";',
    ],
    ["the pool imports a store's code", "pool/mine.ts", 'import { MemoryStore } from "../limits/memory/memory.ts";'],
    ["a room imports code among types", "pool/ready/mine.ts", 'import { type A, b } from "../strategies/strategy.ts";'],
    ["the pool imports a store at run time", "pool/mine.ts", 'const store = import("../stores/memory-key-store.ts");'],
    ["the pool names a class in a type", "pool/mine.ts", 'let a: import("../limits/memory/memory.ts").MemoryStore;'],
    ["the words import anything", "types.ts", 'import type { K } from "./pool/picker.ts";'],
    ["the public surface exports the testing kit", "index.ts", 'export * from "./testing/index.ts";'],
    ["the pool imports from Node", "pool/mine.ts", 'import { createHash } from "node:crypto";'],
    ["an adapter imports from Node without the prefix", "fetch/mine.ts", 'import { createHash } from "crypto";'],
    ["the package imports itself by name", "pool/mine.ts", 'import { KeyRotator } from "rotating-fetch";'],
    ["a file imports one that is not there", "pool/mine.ts", 'import { a } from "./gone.ts";'],
  ])("tells when %s (in %s)", (_title, path, text) => {
    expect(violationsOf({ ...known, [path]: text }, importPicture)).toHaveLength(1);
  });

  it.each([
    ["a room imports its subroom", "pool/mine.ts", 'import { ReadySet } from "./ready/ready-set.ts";'],
    ["a store imports the seam", "stores/mine.ts", 'import type { Store } from "../limits/store.ts";'],
    [
      "types of a neighbour that may be named",
      "pool/ready/mine.ts",
      'import type { S } from "../strategies/strategy.ts";',
    ],
    ["the same, marked one by one", "pool/ready/mine.ts", 'import { type S } from "../strategies/strategy.ts";'],
    ["the testing kit imports from Node", "testing/wire.ts", 'import { createServer } from "node:http";'],
    ["an adapter imports the pool", "fetch/mine.ts", 'import { Picker } from "../pool/picker.ts";'],
    ["any room imports a dependency", "pool/mine.ts", 'import { LRUCache } from "lru-cache";'],
  ])("allows that %s (in %s)", (_title, path, text) => {
    expect(violationsOf({ ...known, [path]: text }, importPicture)).toEqual([]);
  });

  it.each(["export default 1;", "export default function name() {}", "const a = 1; export { a as default };"])(
    "tells of a default export: %s",
    (text) => {
      expect(violationsOf({ "pool/mine.ts": text }, importPicture)).toEqual(["pool/mine.ts has a default export"]);
    },
  );

  it("tells of a folder nobody thought of", () => {
    expect(violationsOf({ "pool/helpers/strings.ts": "" }, importPicture)).toEqual([
      "pool/helpers/strings.ts is in no room of the picture",
    ]);
  });
});

describe("circlesIn", () => {
  it("finds who imports each other, over others and by types too, and nobody else", () => {
    const circles = circlesIn({
      "a.ts": 'import { b } from "./b.ts";',
      "b.ts": 'import type { C } from "./room/c.ts"; import "./d.ts";',
      "room/c.ts": 'import { a } from "../a.ts";',
      "d.ts": "",
    });
    expect(circles).toEqual(["a.ts b.ts room/c.ts"]);
  });
});
