/** The two functions every test runner has. A body may be given the runner's own context, to be left out with. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: (...context: readonly unknown[]) => Promise<void>): unknown;
}

/** As much of a runner's own context as is needed to leave a test out: vitest and `node:test` have it. */
interface SkippingContext {
  readonly skip?: (reason: string) => unknown;
  readonly task?: { readonly meta?: Record<string, unknown> };
}

/** Nothing that was not tested looks as if it had been. */
export function leaveOut(runner: TestRunner, reason: string): void {
  runner.it(`is left out: ${reason}`, async (...given) => {
    const context = given[0] as SkippingContext | undefined;
    if (context?.task?.meta !== undefined) context.task.meta["skipReason"] = reason;
    if (typeof context?.skip === "function") context.skip(reason);
  });
}
