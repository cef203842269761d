import type { LeaseFacts, LeaseResult, PoolObserver } from "../../ports.ts";
import type { Clock } from "../../types.ts";

/** Weight of a new measurement in the smoothed latency. */
const smoothing = 0.3;

/** How long accounts take to answer. Attached while a strategy chooses by it. */
export class Latency implements PoolObserver {
  readonly #clock: Clock;
  readonly #ms = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds to response headers, smoothed; 0: none was seen. */
  of(accountId: string): number {
    return this.#ms.get(accountId) ?? 0;
  }

  ended({ accountId, startedAt, answeredAt }: LeaseFacts, { outcome }: LeaseResult): void {
    if (outcome !== "success") return;
    const ms = (answeredAt ?? this.#clock.monotonic()) - startedAt;
    const before = this.#ms.get(accountId) ?? 0;
    this.#ms.set(accountId, before === 0 ? ms : before + (ms - before) * smoothing);
  }

  keyRemoved({ accountId }: { readonly accountId: string }): void {
    this.#ms.delete(accountId);
  }
}
