import { onTestFinished } from "vitest";

/** Collects, until the test ends, what nobody handled. */
export function collectUnhandled(): readonly unknown[] {
  const unhandled: unknown[] = [];
  const collect = (error: unknown): void => {
    unhandled.push(error);
  };
  for (const event of ["unhandledRejection", "uncaughtException"] as const) {
    process.on(event, collect);
    onTestFinished(() => {
      process.off(event, collect);
    });
  }
  return unhandled;
}
