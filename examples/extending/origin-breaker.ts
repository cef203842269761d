import type { LeaseFacts, LeaseResult, PoolChanges, PoolObserver } from "rotating-fetch";

/** Three failures in a row at one origin, with whatever key, and keys of other origins go first for half a minute. */
export class OriginBreaker implements PoolObserver {
  readonly #failures = new Map<string, number>();

  ended(lease: LeaseFacts, { outcome }: LeaseResult): PoolChanges {
    const failures = outcome === "failure" ? (this.#failures.get(lease.origin) ?? 0) + 1 : 0;
    this.#failures.set(lease.origin, failures);
    const scope = lease.scopeOf("provider");
    if (failures < 3 || scope === undefined) return [];
    return [{ scope, set: { forMs: 30_000 }, reason: "origin_down", source: "heuristic" }];
  }
}
