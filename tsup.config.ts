import { defineConfig } from "tsup";

const entry = { index: "src/index.ts", node: "src/node/index.ts", testing: "src/testing/index.ts" };

export default defineConfig([
  { entry, format: "esm", target: "es2022", dts: true, clean: true, splitting: true, treeshake: true },
  {
    entry,
    format: "cjs",
    target: "es2022",
    dts: true,
    splitting: true,
    // ESM-only packages are built in, so that CommonJS tools without require(esm) can load the file.
    noExternal: ["p-retry", "is-network-error", "@noble/hashes"],
  },
]);
