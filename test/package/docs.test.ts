import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, inject, it } from "vitest";
import type { RotatorEvents } from "../../src/index.ts";
import { providers } from "../../src/named/presets.ts";
import { EventHub } from "../../src/pool/events.ts";
import { knownRotatorOptions } from "../../src/pool/rotator-options.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packageDirectory = inject("packageDirectory");
const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name.replaceAll("\\", "/")}`);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

interface Member {
  readonly name: string;
  /** What stands behind `@default`. */
  readonly byDefault: string | undefined;
  /** Names of the fields of its own, where its type spells them out. */
  readonly fields: readonly string[];
}

/** What an interface in a source file says of its members. */
function membersOf(path: string, interfaceName: string): readonly Member[] {
  const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true);
  const found = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === interfaceName,
  );
  if (found === undefined) throw new Error(`${path} has no interface ${interfaceName}`);
  return (found as ts.InterfaceDeclaration).members.filter(ts.isPropertySignature).map((member) => {
    const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === "default");
    const fields = member.type !== undefined && ts.isTypeLiteralNode(member.type) ? member.type.members : [];
    return {
      name: nameOf(member),
      byDefault: ts.getTextOfJSDocComment(tag?.comment)?.trim(),
      fields: fields.map(nameOf),
    };
  });
}

function nameOf({ name }: ts.TypeElement): string {
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : "";
}

/** The table rows below a heading of the second level (all, without one), by the name in their first cell. */
function rowsIn(text: string, heading?: string): ReadonlyMap<string, string> {
  const sections = text.split(/^(?=## )/m);
  const chosen = heading === undefined ? text : sections.find((section) => section.startsWith(`## ${heading}\n`));
  return new Map([...(chosen ?? "").matchAll(/^\| `([\w-]+)` \|.*$/gm)].map(([row, name]) => [name as string, row]));
}

describe("docs/options.md", () => {
  const text = read("docs/options.md");
  const settled: readonly (readonly [heading: string, path: string, interfaceName: string])[] = [
    ["The pool", "src/pool/rotator-options.ts", "RotatorOptions"],
    ["The calls", "src/fetch/calling-options.ts", "CallingOptions"],
    ["A key", "src/pool/keys/key-config.ts", "KeyConfig"],
    ["A limit", "src/types.ts", "Limit"],
    ["A health check", "src/pool/rotator-options.ts", "HealthCheck"],
    ["A probe", "src/pool/pool-port.ts", "ProbeRequest"],
    ["One call", "src/attempt/call.ts", "CallOptions"],
  ];
  it("has every option of a rotator", () => {
    expect(Object.keys(knownRotatorOptions).filter((name) => !rowsIn(text, "The pool").has(name))).toEqual([]);
  });

  it.each(settled)("has under `%s` what there is, and nothing else", (heading, path, interfaceName) => {
    const documented = [...rowsIn(text, heading).keys()].filter((name) => name !== "rotator");
    const names = membersOf(path, interfaceName).map(({ name }) => name);
    expect(documented.length).toBeGreaterThan(0);
    expect(documented.filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => !documented.includes(name))).toEqual([]);
  });

  it.each(settled)("states under `%s` the defaults that the types state", (heading, path, interfaceName) => {
    const rows = rowsIn(text, heading);
    const plain = membersOf(path, interfaceName).filter(({ byDefault = "" }) =>
      /^(\d+|true|false|"\S*")$/.test(byDefault),
    );
    const differing = plain.filter(({ name, byDefault }) => rows.get(name)?.endsWith(`| \`${byDefault}\` |`) === false);
    expect(differing).toEqual([]);
  });

  it("lists the tiers of every preset", () => {
    const rows = rowsIn(text, "Tiers");
    const listed = [...rows].map(([name, row]) => [
      name,
      [...row.matchAll(/`([\w-]+)`/g)].slice(1).map(([, tier]) => tier),
    ]);
    const known = providers.filter(({ tiers }) => tiers !== undefined);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(known.map(({ name, tiers = {} }) => [name, Object.keys(tiers)])),
    );
  });
});

describe("docs/events.md", () => {
  const rows = rowsIn(read("docs/events.md"));
  const events = membersOf("src/pool/events.ts", "RotatorEvents");

  it.each(events)("has `$name` with all it carries", ({ name, fields }) => {
    const row = rows.get(name) ?? "";
    expect(row).not.toBe("");
    expect(fields.length).toBeGreaterThan(0);
    expect(fields.filter((field) => !row.includes(`\`${field}\``))).toEqual([]);
  });

  it("states the level at which a logger is told", () => {
    const told: string[] = [];
    const at = (level: string) => (message: string) => void told.push(`| \`${message}\` | ${level} |`);
    const hub = new EventHub({ debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") });
    for (const { name } of events) hub.emit(name as keyof RotatorEvents, {} as never);
    expect(told).toHaveLength(events.length);
    expect(told.filter((beginning, place) => !rows.get(events[place]?.name ?? "")?.startsWith(beginning))).toEqual([]);
  });

  it("names no event that there is not", () => {
    const names = new Set(events.map(({ name }) => name));
    expect([...rows].filter(([name, row]) => / \| (debug|info|warn|error) \| /.test(row) && !names.has(name))).toEqual(
      [],
    );
  });
});

describe("README.md and docs", () => {
  const { stdout, status } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: packageDirectory,
    encoding: "utf8",
  });
  const [tarball] = JSON.parse(status === 0 ? stdout : "[]") as [{ files: { path: string }[] }?];
  const packed = new Set(tarball?.files.map(({ path }) => path));
  const papers = ["README.md", "CHANGELOG.md", ...pages];

  it("are in the package", () => {
    expect(papers.filter((path) => !packed.has(path))).toEqual([]);
  });

  it.each(papers)("lead from %s to nothing that the package lacks", (path) => {
    const links = [...withoutCode(read(path)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
    const relative = links.filter((target) => !/^[a-z]+:/i.test(target));
    expect(relative.filter((target) => !leadsSomewhere(path, target))).toEqual([]);
  });

  function leadsSomewhere(from: string, link: string): boolean {
    const [target = "", heading] = link.split("#");
    const path = target === "" ? from : posix.join(posix.dirname(from), target);
    if (!packed.has(path)) return false;
    return heading === undefined || anchorsOf(read(path)).includes(heading);
  }
});

describe("README.md", () => {
  const text = read("README.md");

  it("is read in five minutes: at most 1,000 words", () => {
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(1_000);
  });

  it("has recipes of at most eight lines", () => {
    const recipes = text.slice(text.indexOf("## Recipes"), text.indexOf("## Options people set"));
    const blocks = [...recipes.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) =>
      code.trimEnd().split("\n"),
    );
    expect(blocks).toHaveLength(5);
    expect(blocks.filter(({ length }) => length > 8)).toEqual([]);
  });

  it("leads to every page of docs", () => {
    expect(pages.filter((page) => !text.includes(`(${page})`))).toEqual([]);
  });
});

/** Blocks of code have brackets of their own. */
function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

/** What headings are linked by. */
function anchorsOf(text: string): readonly string[] {
  const headings = text.match(/(?<=^#+ ).*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(/\s/g, "-"),
  );
}
