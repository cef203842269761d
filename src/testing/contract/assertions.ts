/** The contract brings its own checks, so that it runs under any test runner: what fails throws. */
export function check(holds: boolean, expectation: string): asserts holds {
  if (!holds) throw new Error(`The store breaks its contract: expected ${expectation}`);
}

export function checkEqual(actual: unknown, expected: unknown, what: string): void {
  const [came, wanted] = [shown(actual), shown(expected)];
  check(came === wanted, `${what} to be ${wanted}, got ${came}`);
}

/** For times: `slackMs` either way, and one millisecond for stores that count in whole ones. */
export function checkNear(actual: number | null | undefined, expected: number, slackMs: number, what: string): void {
  const isNear = typeof actual === "number" && Math.abs(actual - expected) <= slackMs + 1;
  check(isNear, `${what} to be about ${expected}, got ${shown(actual)}`);
}

function shown(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value);
}
