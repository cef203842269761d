import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}/docs/architecture.md`, "utf8");

/** The folders that the page's picture names, as paths below `src`. */
function picturedFolders(): string[] {
  const picture = /```\nsrc\/\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const above: string[] = [];
  return [...picture.matchAll(/^( +)([\w-]+)\/ /gm)].map(([, indent = "", name = ""]) => {
    const depth = indent.length / 2 - 1;
    above.length = depth;
    above.push(name);
    return above.join("/");
  });
}

describe("docs/architecture.md", () => {
  it("pictures every folder of src, and no other", () => {
    const folders = readdirSync(`${root}/src`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${entry.parentPath.replaceAll("\\", "/").slice(root.length)}/${entry.name}`)
      .map((path) => path.replace(/^\/?src\//, ""));
    expect(picturedFolders().sort()).toEqual(folders.sort());
  });

  it("names only files and folders that there are", () => {
    const named = [...page.matchAll(/`([a-z][\w-]*(?:\/[\w-]+)*(?:\.ts)?)`/g)].map(([, path = ""]) => path);
    const paths = named.filter((path) => path.includes("/") || path.endsWith(".ts"));
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => ![`${root}/src/${path}`, `${root}/${path}`].some(existsSync))).toEqual([]);
  });
});
