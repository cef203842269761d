import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import * as builtPackage from "../package/build-package.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A user's project with the packed library in its `node_modules`, and the programs to run. */
    userProject: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = join(root, "test", "runtimes");
/** What the type tests need beside the library. */
const typePackages = ["@types/bun", "bun-types", "@types/node", "undici-types", "@cloudflare/workers-types"];

let project: string | undefined;

/** Builds, packs and unpacks the library where nothing else of this project is found, and bundles the programs there. */
export async function setup(test: TestProject): Promise<void> {
  await builtPackage.setup(test);
  const { packageDirectory } = test.getProvidedContext();
  project = await mkdtemp(join(tmpdir(), "rotating-fetch-runtimes-"));
  const modules = join(project, "node_modules");
  await mkdir(join(modules, "rotating-fetch"), { recursive: true });
  const packed = run(project, "npm", [
    "pack",
    packageDirectory,
    "--json",
    "--ignore-scripts",
    "--pack-destination",
    project,
  ]);
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  run(project, "tar", ["-xzf", filename, "-C", "node_modules/rotating-fetch", "--strip-components=1"]);
  await installDependencies(modules, "rotating-fetch");
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  await cp(join(here, "types"), join(project, "types"), { recursive: true });
  for (const name of typePackages) await linkTypes(modules, name);
  bundle(project, join(here, "programs", "portable.ts"), "portable.mjs", [
    "--external:rotating-fetch",
    "--platform=node",
  ]);
  for (const name of ["worker", "shared-worker", "health-worker"]) await bundleWorker(project, name);
  for (const name of ["imported.mjs", "required.cjs"]) await cp(join(here, "programs", name), join(project, name));
  test.provide("userProject", project);
}

export async function teardown(): Promise<void> {
  if (project !== undefined) await rm(project, { recursive: true, force: true });
  await builtPackage.teardown();
}

function run(cwd: string, command: string, parameters: readonly string[]): string {
  const { stdout, stderr, status, error } = spawnSync(command, parameters, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? ""}\n${stdout}\n${stderr}`);
  return stdout;
}

/** The dependencies of an unpacked package and theirs, as they are installed for this project. */
async function installDependencies(modules: string, name: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(modules, name, "package.json"), "utf8")) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    await cp(join(root, "node_modules", dependency), join(modules, dependency), { recursive: true });
    await installDependencies(modules, dependency);
  }
}

async function linkTypes(modules: string, name: string): Promise<void> {
  await mkdir(dirname(join(modules, name)), { recursive: true });
  const own = join(here, "node_modules", name);
  // Types of Node: those that Bun's build on, or this project's.
  const installed = existsSync(own) ? own : join(root, "node_modules", name);
  await symlink(installed, join(modules, name), "junction");
}

async function bundleWorker(project: string, name: string): Promise<void> {
  const externals = ["--external:rotating-fetch", "--external:cloudflare:workers"];
  bundle(project, join(here, "programs", `${name}.ts`), `${name}-entry.mjs`, externals);
  // From the user's project, so that the library is the one installed there.
  const conditions = ["--external:cloudflare:workers", "--conditions=workerd,worker,browser"];
  bundle(project, `${name}-entry.mjs`, `${name}.mjs`, conditions);
  const configuration = await readFile(join(here, "programs", "worker.capnp"), "utf8");
  await writeFile(join(project, `${name}.capnp`), configuration.replaceAll("worker.mjs", `${name}.mjs`));
}

function bundle(cwd: string, entry: string, output: string, parameters: readonly string[]): void {
  const esbuild = join(root, "node_modules", ".bin", "esbuild");
  // Without a tsconfig, in which the library's name leads to its source.
  const always = ["--bundle", "--format=esm", "--target=es2022", "--tsconfig-raw={}", "--log-level=warning"];
  run(cwd, esbuild, [entry, ...always, ...parameters, `--outfile=${output}`]);
}
