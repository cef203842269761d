/**
 * Reads what vitest's JSON reporter wrote in one or several runs, lists skipped tests with their reason (`task.meta.skipReason`), then failed
 * ones with what they said, and closes with one line a machine can read: `N passed, N failed`. Exits with 1 when something failed.
 *
 * node scripts/test-summary.mjs <results.json>...
 */
import { readFileSync } from "node:fs";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("Usage: node scripts/test-summary.mjs <results.json>...");
  process.exit(2);
}
const runs = files.map(readResults);
const testResults = runs.flatMap((run) => run.testResults);

const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
const notRun = tests.filter(({ status }) => status !== "passed" && status !== "failed");
for (const { fullName, meta } of notRun) {
  const reason = meta?.skipReason ?? "no reason given";
  console.log(`skipped: ${fullName.includes(reason) ? fullName : `${fullName} (${reason})`}`);
}

// A file that cannot be loaded fails without a single test of its own.
const broken = testResults.filter(
  ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
);
for (const { name, message } of broken) console.log(`failed to run: ${name}\n  ${message}`);
for (const { fullName, failureMessages, duration = 0 } of tests.filter(({ status }) => status === "failed")) {
  console.log(
    `failed after ${Math.round(duration)} ms: ${fullName}\n  ${failureMessages.join("\n").replaceAll("\n", "\n  ")}`,
  );
}

const missing = runs.filter(({ numPassedTests }) => numPassedTests === 0).length;
const passed = sumOf(runs, "numPassedTests");
const failed = sumOf(runs, "numFailedTests") + broken.length + missing;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function sumOf(counted, field) {
  return counted.reduce((sum, run) => sum + run[field], 0);
}

function readResults(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.log(`No test results in ${path}: ${error.message}`);
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}
