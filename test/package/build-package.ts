import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A copy of the project with a fresh `dist`, beside nobody else's builds. */
    packageDirectory: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const left = new Set(["node_modules", "dist", "coverage", ".git"]);

let directory: string | undefined;

/** Builds once for all tests of the package. Inside `node_modules`, so that the build finds its dependencies. */
export async function setup(project: TestProject): Promise<void> {
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  directory = await mkdtemp(join(cache, "package-"));
  for (const entry of await readdir(root)) {
    if (left.has(entry)) continue;
    await cp(join(root, entry), join(directory, entry), {
      recursive: true,
      filter: (path) => !left.has(basename(path)),
    });
  }
  const cli = join(root, "node_modules", "tsup", "dist", "cli-default.js");
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [cli, "--silent", "--out-dir", join(directory, "dist")],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`The build failed:\n${stdout}${stderr}`);
  project.provide("packageDirectory", directory);
}

export async function teardown(): Promise<void> {
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}
