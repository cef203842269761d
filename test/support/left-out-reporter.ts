import type { Reporter, TestModule } from "vitest/node";

/** Says at the end of a run which tests were left out, and why: in the middle of it nobody would read that. */
export class LeftOutReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        const { skipReason } = test.meta() as { skipReason?: string };
        if (skipReason !== undefined) counts.set(skipReason, (counts.get(skipReason) ?? 0) + 1);
      }
    }
    for (const [reason, count] of counts) process.stdout.write(`skipped: ${reason} (${count} tests)\n`);
  }
}
