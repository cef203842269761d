import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { LeftOutReporter } from "./test/support/left-out-reporter.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests of what is shipped; they get a fresh build first. */
const packageTests = ["test/package/**/*.test.ts"];

/** Tests about the sources that need no build. */
const houseTests = ["test/package/architecture.test.ts", "test/package/imports.test.ts"];

/** Tests that start programs again and again, or play through whole worlds: most of the time that `npm test` takes. */
const longTests = ["test/examples/**/*.test.ts", "test/stores/file/*.processes.test.ts", "test/simulator/**/*.test.ts"];

/** Tests with manifests and configurations of their own: `npm run test:clients` and the like. */
const ownInstalls = ["test/clients/**", "test/frameworks/**", "test/redis/**", "test/runtimes/**"];

/** They collect garbage, or listen to what their whole process says: what other tests leave behind would disturb them. */
const ownProcessTests = [
  "test/attempt/reading/usage-reader.test.ts",
  "test/fetch/bodies/passed-body.test.ts",
  "test/server/proxy/http2.test.ts",
];

/** Tests in real time: they come after those that keep the processor busy. */
const realTimeTests = ["test/integration/**/*.test.ts"];

/** Tests in which an emulated provider refuses whatever comes too early: one at a time, and nothing beside them. */
const punctualTests = ["test/integration/declared-limits.test.ts", "test/integration/quota-model.test.ts"];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^rotating-fetch\/testing$/, replacement: at("./src/testing/index.ts") },
      { find: /^rotating-fetch\/(core|node)$/, replacement: at("./src/$1.ts") },
      { find: /^rotating-fetch\/(providers|strategies|cache|operate)$/, replacement: at("./src/entries/$1.ts") },
      { find: /^rotating-fetch\/(express|koa|hono)$/, replacement: at("./src/server/middleware/$1.ts") },
      { find: /^rotating-fetch$/, replacement: at("./src/index.ts") },
    ],
  },
  test: {
    testTimeout: 60_000,
    maxWorkers: 2,
    // .ci/run counts the tests in the second one.
    reporters: [...(process.env["CI"] === undefined ? ["default"] : ["default", "json"]), new LeftOutReporter()],
    outputFile: { json: "node_modules/.cache/test-results.json" },
    projects: [
      {
        extends: true,
        test: {
          name: "source",
          include: ["test/**/*.test.ts"],
          exclude: [
            ...configDefaults.exclude,
            ...ownInstalls,
            "test/package/!(architecture|imports).test.ts",
            ...ownProcessTests,
            ...realTimeTests,
            ...longTests,
          ],
          // They share a process and its modules: loading those anew for each file took longer than most of the tests.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "long", include: longTests, isolate: false, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: "own process", include: ownProcessTests, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: "package",
          include: packageTests,
          exclude: [...configDefaults.exclude, ...houseTests],
          globalSetup: ["test/package/build-package.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "real time",
          include: realTimeTests,
          exclude: [...configDefaults.exclude, ...punctualTests],
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: "punctual", include: punctualTests, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
