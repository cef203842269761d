import { defineConfig } from "tsup";

const entry = {
  index: "src/index.ts",
  express: "src/server/middleware/express.ts",
  koa: "src/server/middleware/koa.ts",
  hono: "src/server/middleware/hono.ts",
  redis: "src/stores/redis/index.ts",
  node: "src/node.ts",
  testing: "src/testing/index.ts",
};

// `Symbol.asyncDispose` is in the types: a project need not have it in its own `lib`.
const dts = { banner: '/// <reference lib="esnext.disposable" />' };

export default defineConfig([
  { entry, format: "esm", target: "es2022", clean: true, splitting: true, treeshake: true },
  {
    entry,
    format: "cjs",
    target: "es2022",
    splitting: true,
    // ESM-only packages are built in, so that CommonJS tools without require(esm) can load the file.
    noExternal: ["p-retry", "is-network-error", "@noble/hashes"],
  },
  // The types of both at once: they are checked only once then.
  { entry, format: ["esm", "cjs"], target: "es2022", dts: { ...dts, only: true } },
]);
