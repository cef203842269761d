import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transformSync } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface PrintedSource {
  /** Address of a file of `src`, given as `index.ts`. */
  addressOf(path: string): string;
  /** The file of `src` behind an address; undefined for what is not ours. */
  pathOf(address: string): string | undefined;
  remove(): void;
}

/**
 * Writes `src` as JavaScript, a file for a file, by one printer: lines are counted as that prints them, without types
 * and comments, so that a wider or narrower way of writing changes no figure.
 */
export function printSource(): PrintedSource {
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  // V8 names a file by its real path.
  const folder = realpathSync(mkdtempSync(join(cache, "trace-")));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const source = join(root, "src");
  for (const path of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const { code } = transformSync(readFileSync(join(source, path), "utf8"), { loader: "ts", target: "es2022" });
    const target = join(folder, path.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code.replaceAll(/(\b(?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"'));
  }
  const base = `${pathToFileURL(folder).href}/`;
  return {
    addressOf: (path) => base + path.replace(/\.ts$/, ".js"),
    pathOf: (address) =>
      address.startsWith(base) ? address.slice(base.length).replace(/\.js(?:\?.*)?$/, ".ts") : undefined,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
