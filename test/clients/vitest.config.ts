import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { snippetModules } from "./support/snippet-modules.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// biome-ignore lint/style/noDefaultExport: this is how vitest finds it
export default defineConfig({
  root: at("."),
  plugins: [snippetModules()],
  resolve: {
    alias: [
      { find: /^rotating-fetch\/testing$/, replacement: at("../../src/testing/index.ts") },
      { find: /^rotating-fetch$/, replacement: at("../../src/index.ts") },
    ],
  },
  test: {
    include: ["**/*.test.ts"],
    setupFiles: ["./support/stray-keys.ts"],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
