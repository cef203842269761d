import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, it } from "vitest";
import { binaryOr } from "./outcome-tests.ts";
import { notInstalled } from "./runtimes.ts";

const project = inject("userProject");
const root = fileURLToPath(new URL("../..", import.meta.url));
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");

const environments = [
  { name: "a browser's types alone", directory: "dom", needs: undefined },
  { name: "Node's types alone", directory: "node", needs: "@types/node" },
  { name: "Bun's types", directory: "bun", needs: "@types/bun" },
  { name: "the types of Workers", directory: "workers", needs: "@cloudflare/workers-types" },
];

describe("the types of the package", () => {
  it.for(environments)("stand for the platform's fetch under $name", ({ directory, needs }, context) => {
    const missing = needs !== undefined && !existsSync(join(project, "node_modules", needs, "package.json"));
    binaryOr(context, missing ? notInstalled(needs) : compiler);
    const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", join("types", directory)], {
      cwd: project,
      encoding: "utf8",
    });
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  });
});
