import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Programs that start much faster than their sources do: tests start them often. */
export interface BuiltPrograms {
  /** The path of a program, by its name. */
  pathOf(name: string): string;
  remove(): Promise<void>;
}

/**
 * Makes one file of each program, with this package's sources in it. `sources`: paths by names, from the project's root where
 * they are not absolute. Inside the `node_modules` of `home`, so that the programs find the packages installed there.
 */
export async function buildPrograms(sources: Readonly<Record<string, string>>, home = root): Promise<BuiltPrograms> {
  const cache = join(home, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const outDir = await mkdtemp(join(cache, "programs-"));
  const entry = Object.entries(sources).map(([name, path]) => [name, resolve(root, path)]);
  await build({
    entry: Object.fromEntries(entry) as Record<string, string>,
    outDir,
    config: false,
    silent: true,
    format: "esm",
    target: "es2022",
    outExtension: () => ({ js: ".mjs" }),
    noExternal: [/^rotating-fetch/],
    skipNodeModulesBundle: true,
  });
  return {
    pathOf: (name) => join(outDir, `${name}.mjs`),
    remove: () => rm(outDir, { recursive: true, force: true }),
  };
}
