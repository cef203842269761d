import process from "node:process";
import { describe, expect, it, type TestContext } from "vitest";
import type { Outcome } from "./suite/environment.ts";
import { suite } from "./suite/suite.ts";

declare module "vitest" {
  interface TaskMeta {
    skipReason?: string;
  }
}

type Found = string | { readonly missing: string };

/** The binary. Where there is none, the test is skipped with the reason, and fails in CI. */
export function binaryOr(context: TestContext, found: Found): string {
  if (typeof found === "string") return found;
  if (process.env["CI"] !== undefined) throw new Error(found.missing);
  context.task.meta.skipReason = found.missing;
  tell(found.missing);
  return context.skip(found.missing);
}

const told = new Set<string>();

/** Says once in a file why tests are left out. */
function tell(reason: string): void {
  if (told.has(reason)) return;
  told.add(reason);
  process.stderr.write(`skipped: ${reason}\n`);
}

/** One test for each case of the suite; the runtime is started once, by the first. */
export function testSuite(found: Found, start: (binary: string) => Promise<readonly Outcome[]>): void {
  let outcomes: Promise<readonly Outcome[]> | undefined;
  describe("runs the suite", () => {
    for (const { name } of suite) {
      it(name, { timeout: 300_000 }, async (context) => {
        const binary = binaryOr(context, found);
        outcomes ??= start(binary);
        const outcome = (await outcomes).find((one) => one.name === name);
        expect(outcome?.error ?? "").toBe("");
        expect(outcome?.ok).toBe(true);
      });
    }
  });
}
