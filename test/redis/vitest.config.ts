import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Nothing stands in for a real server. */
const isInstalled = spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0;
if (!isInstalled) {
  const reason =
    "redis-server is not installed; Debian and Ubuntu: apt-get install redis-server, macOS: brew install redis";
  if (process.env["CI"] !== undefined) throw new Error(reason);
  process.once("exit", () => process.stdout.write(`skipped: all tests of the Redis store: ${reason}\n`));
}

// biome-ignore lint/style/noDefaultExport: this is how vitest finds it
export default defineConfig({
  root: at("."),
  resolve: {
    alias: [
      { find: /^rotating-fetch\/redis$/, replacement: at("../../src/stores/redis/index.ts") },
      { find: /^rotating-fetch\/testing$/, replacement: at("../../src/testing/index.ts") },
      { find: /^rotating-fetch$/, replacement: at("../../src/index.ts") },
    ],
  },
  test: {
    include: isInstalled ? ["**/*.test.ts"] : [],
    passWithNoTests: !isInstalled,
    testTimeout: 90_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
