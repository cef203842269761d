import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const compiler = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

it("the middleware has types that fit those of the frameworks", { timeout: 300_000 }, () => {
  const { stdout, status } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", here], { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});
