import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));

// biome-ignore lint/style/noDefaultExport: what vitest reads
export default defineConfig({
  root,
  // For the names of the cases only: in the runtimes the built package is used.
  resolve: { alias: { "rotating-fetch": fileURLToPath(new URL("../../src/index.ts", import.meta.url)) } },
  test: {
    include: ["test/runtimes/*.test.ts"],
    globalSetup: ["test/runtimes/setup.ts"],
    testTimeout: 120_000,
    maxWorkers: 2,
    reporters: process.env["CI"] === undefined ? ["default"] : ["default", "json"],
    outputFile: { json: "node_modules/.cache/runtime-results.json" },
  },
});
