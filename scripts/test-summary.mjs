/**
 * Reads what vitest's JSON reporter wrote, lists skipped tests with their reason (`task.meta.skipReason`), and closes
 * with one line a machine can read: `N passed, N failed`. Exits with 1 when something failed.
 *
 * node scripts/test-summary.mjs <results.json>
 */
import { readFileSync } from "node:fs";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("Usage: node scripts/test-summary.mjs <results.json>");
  process.exit(2);
}
const { numPassedTests, numFailedTests, testResults } = readResults(file);

const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
const notRun = tests.filter(({ status }) => status !== "passed" && status !== "failed");
for (const { fullName, meta } of notRun) console.log(`skipped: ${fullName} (${meta?.skipReason ?? "no reason given"})`);

// A file that cannot be loaded fails without a single test of its own.
const broken = testResults.filter(
  ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
);
for (const { name, message } of broken) console.log(`failed to run: ${name}\n  ${message}`);

const failed = numFailedTests + broken.length;
console.log(`${numPassedTests} passed, ${failed} failed`);
process.exitCode = failed > 0 || numPassedTests === 0 ? 1 : 0;

function readResults(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`No test results in ${path}: ${error.message}`);
    console.log("0 passed, 1 failed");
    process.exit(1);
  }
}
