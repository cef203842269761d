import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests of what is shipped; they get a fresh build first. */
const packageTests = ["test/package/**/*.test.ts"];

/** Tests with manifests and configurations of their own: `npm run test:clients` and the like. */
const ownInstalls = ["test/clients/**", "test/frameworks/**", "test/redis/**", "test/runtimes/**"];

/** Tests in real time: they come last and one at a time, so that no other test takes their processor. */
const realTimeTests = ["test/integration/**/*.test.ts"];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^rotating-fetch\/testing$/, replacement: at("./src/testing/index.ts") },
      { find: /^rotating-fetch\/node$/, replacement: at("./src/node/index.ts") },
      { find: /^rotating-fetch\/(express|koa|hono)$/, replacement: at("./src/middleware/$1.ts") },
      { find: /^rotating-fetch$/, replacement: at("./src/index.ts") },
    ],
  },
  test: {
    testTimeout: 20_000,
    maxWorkers: 2,
    // .ci/run counts the tests in the second one.
    reporters: process.env["CI"] === undefined ? ["default"] : ["default", "json"],
    outputFile: { json: "node_modules/.cache/test-results.json" },
    projects: [
      {
        extends: true,
        test: {
          name: "source",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...ownInstalls, ...packageTests, ...realTimeTests],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "package",
          include: packageTests,
          globalSetup: ["test/package/build-package.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "real time", include: realTimeTests, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
