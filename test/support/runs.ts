const share = Number(process.env["PROPERTY_SHARE"] ?? (process.env["CI"] === undefined ? 0.2 : 1));

/** How many random cases of a property are tried: all of them in CI, a share where a developer waits. */
export function runs(inCI: number): number {
  return Math.max(20, Math.ceil(inCI * share));
}
