import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Runtime {
  readonly name: string;
  /** The binary, or why there is none. */
  find(): string | { readonly missing: string };
  /** What runs a program with the driver's address. Programs may reach the loopback and read their own folder only, where that can be said. */
  readonly parameters: readonly string[];
}

const modules = fileURLToPath(new URL("node_modules", import.meta.url));
const suffix = process.platform === "win32" ? ".exe" : "";

export function notInstalled(name: string): { readonly missing: string } {
  return { missing: `${name} is not installed: npm ci --prefix test/runtimes --ignore-scripts` };
}

/** Binaries are in packages of their own, one for each system; of those a package lists, the installer takes what fits. */
function packagedFor(name: string, binary: string): () => string | { readonly missing: string } {
  return () => {
    const manifest = join(modules, name, "package.json");
    if (!existsSync(manifest)) return notInstalled(name);
    const { optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8")) as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    const candidates = Object.keys(optionalDependencies).map((each) => join(modules, each, `${binary}${suffix}`));
    return candidates.find(existsSync) ?? { missing: `${name} has no binary for this system` };
  };
}

function nodeOf(major: number): () => string | { readonly missing: string } {
  return () => {
    const packaged = join(modules, `node${major}-${process.platform}-${process.arch}`, "bin", "node");
    if (existsSync(packaged)) return packaged;
    if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
    return notInstalled(`Node ${major}`);
  };
}

/** Those that run a program from a file. */
export const runtimes: readonly Runtime[] = [
  { name: "Node 20", find: nodeOf(20), parameters: [] },
  { name: "Node 24", find: nodeOf(24), parameters: [] },
  { name: "Bun", find: packagedFor("bun", "bin/bun"), parameters: ["--no-install"] },
  {
    name: "Deno",
    find: packagedFor("deno", "deno"),
    parameters: [
      "run",
      "--no-prompt",
      "--no-remote",
      "--no-lock",
      "--node-modules-dir=manual",
      "--allow-net=127.0.0.1",
      "--allow-read=.",
    ],
  },
];

export const findWorkerd = packagedFor("workerd", "bin/workerd");
