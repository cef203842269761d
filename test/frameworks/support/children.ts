import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Child } from "../../runtimes/child.ts";
import type { StartServer } from "./servers.ts";

const here = fileURLToPath(new URL("..", import.meta.url));
const suffix = process.platform === "win32" ? ".exe" : "";

/** Binaries are in packages of their own, one for each system; of those a package lists, the installer takes what fits. */
function binaryOf(name: string, binary: string): string {
  const modules = join(here, "node_modules");
  const { optionalDependencies } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  const candidates = Object.keys(optionalDependencies).map((each) => join(modules, each, `${binary}${suffix}`));
  const found = candidates.find(existsSync);
  if (found === undefined) throw new Error(`${name} has no binary for this system`);
  return found;
}

type App = "hono" | "web";

/** A process of Bun that serves. The keys reach it in its environment, on no command line and in no file. */
export function onBun(app: App): StartServer {
  return async (pools) => {
    const variables = { POOLS: JSON.stringify(pools), APP: app };
    const child = new Child(binaryOf("bun", "bin/bun"), ["--no-install", "programs/bun-server.ts"], here, variables);
    const [, port] = await child.printed(/listening on (\d+)/);
    return { origin: `http://127.0.0.1:${port}`, stop: () => child.kill() };
  };
}

/** A process of workerd that serves. */
export function onWorkerd(app: App): StartServer {
  return async (pools) => {
    const directory = await mkdtemp(join(tmpdir(), "rotating-fetch-frameworks-"));
    bundleWorker(join(directory, "worker.mjs"));
    await cp(join(here, "programs", "worker.capnp"), join(directory, "worker.capnp"));
    const variables = { POOLS: JSON.stringify(pools), APP: app };
    const parameters = ["serve", "--control-fd=1", "worker.capnp"];
    const child = new Child(binaryOf("workerd", "bin/workerd"), parameters, directory, variables);
    const stop = async (): Promise<void> => {
      await child.kill();
      await rm(directory, { recursive: true, force: true });
    };
    const [, port] = await child.printed(/"socket":"http","port":(\d+)/);
    return { origin: `http://127.0.0.1:${port}`, stop };
  };
}

function bundleWorker(outfile: string): void {
  const esbuild = join(here, "..", "..", "node_modules", ".bin", "esbuild");
  const parameters = [
    "programs/worker.ts",
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--tsconfig-raw={}",
    "--log-level=warning",
    "--external:cloudflare:workers",
    "--conditions=workerd,worker,browser",
    `--outfile=${outfile}`,
  ];
  const { status, stderr, error } = spawnSync(esbuild, parameters, { cwd: here, encoding: "utf8" });
  if (status !== 0) throw new Error(`esbuild failed: ${error?.message ?? ""}\n${stderr}`);
}
