import { defineConfig } from "tsup";

/** What `exports` of package.json names. */
const entry = {
  index: "src/index.ts",
  core: "src/core.ts",
  providers: "src/entries/providers.ts",
  strategies: "src/entries/strategies.ts",
  cache: "src/entries/cache.ts",
  operate: "src/entries/operate.ts",
  express: "src/server/middleware/express.ts",
  koa: "src/server/middleware/koa.ts",
  hono: "src/server/middleware/hono.ts",
  redis: "src/stores/redis/index.ts",
  node: "src/node.ts",
  testing: "src/testing/index.ts",
};

/**
 * Rooms that fall away where nobody imports them. Code is split by who reaches it, so each becomes a chunk of its own; a
 * bundler leaves out a chunk that it has no use for, but hardly a part of one.
 */
const rooms = {
  "room-mask": "src/mask.ts",
  "room-checks": "src/checks.ts",
  "room-fetch": "src/fetch/create-rotating-fetch.ts",
  "room-pool": "src/operate/pool-rotator.ts",
  "room-rotator": "src/named/key-rotator.ts",
  "room-classifier": "src/judgement/error-classifier.ts",
  "room-memory": "src/limits/memory/memory.ts",
  "room-dump": "src/limits/memory/memory-store.ts",
  "room-proxy": "src/server/proxy/create-proxy-handler.ts",
  "room-admin": "src/server/admin/create-admin-handler.ts",
};

// `Symbol.asyncDispose` is in the types: a project need not have it in its own `lib`.
const dts = { banner: '/// <reference lib="esnext.disposable" />', compilerOptions: { stripInternal: true } };

// Without tree shaking, splitting lowers CommonJS: class names get lost, and calls take longer.
const code = { entry: { ...entry, ...rooms }, target: "es2022", splitting: true, treeshake: true } as const;

export default defineConfig((options) => [
  { ...code, format: "esm", clean: true },
  {
    ...code,
    format: "cjs",
    // ESM-only packages are built in, so that CommonJS tools without require(esm) can load the file.
    noExternal: ["p-retry", "is-network-error", "@noble/hashes"],
  },
  // The types of both at once: they are checked only once then. Left out with `--no-dts`, which would make it one more build of the code.
  ...(options.dts === false
    ? []
    : [{ entry, format: ["esm", "cjs"] as ("esm" | "cjs")[], target: "es2022", dts: { ...dts, only: true } }]),
]);
