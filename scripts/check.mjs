/**
 * Everything that must hold before a change goes in, in the order in which it fails fastest; ends at the first failure.
 *
 * node scripts/check.mjs [--skip-tests]
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const steps = [
  { name: "lint and format", command: "npm run --silent lint" },
  { name: "types", command: "npm run --silent types" },
  { name: "build", command: "npm run --silent build" },
  { name: "tests", command: "npm test" },
  { name: "package contents and types", command: "npm run --silent check:package" },
  { name: "public types", command: "npm run --silent check:types" },
  { name: "size", command: "npm run --silent check:size" },
  { name: "unused code and dependencies", command: "npm run --silent check:unused" },
];

const unknown = process.argv.slice(2).filter((argument) => argument !== "--skip-tests");
if (unknown.length > 0) {
  console.error(`Unknown argument: ${unknown.join(" ")}. The only one is --skip-tests.`);
  process.exit(2);
}
const skipped = process.argv.includes("--skip-tests") ? ["tests"] : [];
const cwd = fileURLToPath(new URL("..", import.meta.url));

for (const [place, { name, command }] of steps.entries()) {
  console.log(`\n=== ${place + 1}/${steps.length} ${name}: ${command}`);
  if (skipped.includes(name)) {
    console.log("skipped: asked for by --skip-tests");
    continue;
  }
  const startedAt = performance.now();
  // The commands are the constants above, so a shell has nothing to misread, and finds npm on every system.
  const { status } = spawnSync(command, { cwd, shell: true, stdio: ["ignore", "inherit", "inherit"] });
  const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if (status !== 0) {
    console.error(`\ncheck failed: ${name} (${took})`);
    process.exit(1);
  }
  console.log(`ok (${took})`);
}
console.log(`\ncheck passed: ${steps.length - skipped.length} steps`);
