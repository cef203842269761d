import type { Bucket, Need } from "../../../limits/store.ts";
import type { ScopeId } from "../../../types.ts";

/** What a request under way may hold: permits, and a probe's claim. */
export interface Holder {
  /** Does it hold any? */
  readonly isHolding: boolean;
  /** Of the instance's reservations. */
  readonly number: number;
  readonly id: string;
  readonly leaseMs: number;
  /** When its lease ends, on the server's clock. */
  expiresAt: number;
  readonly needs: readonly Need[];
  /** Scopes that its probe may have claimed. */
  readonly claimed: readonly ScopeId[];
}

/** Requests under way from this process that hold something. */
export class OpenPermits {
  readonly #holders = new Map<string, Holder>();
  readonly #counts = new Map<string, number>();

  taken(holder: Holder): void {
    this.#holders.set(holder.id, holder);
    this.#count(holder, 1);
  }

  ended({ id }: Pick<Holder, "id">): void {
    const holder = this.#holders.get(id);
    if (holder === undefined) return;
    this.#holders.delete(id);
    this.#count(holder, -1);
  }

  heldIn({ id }: Bucket): number {
    return this.#counts.get(id) ?? 0;
  }

  /** Each lease that still runs ends as long from now as it was granted for. Returns whose they are. */
  renew(now: number): readonly Holder[] {
    const holders = this.holders(now);
    for (const holder of holders) holder.expiresAt = now + holder.leaseMs;
    return holders;
  }

  /** Those whose lease still runs. Others are forgotten: nobody settled them. */
  holders(now: number): Holder[] {
    for (const holder of this.#holders.values()) if (holder.expiresAt <= now) this.ended(holder);
    return [...this.#holders.values()];
  }

  #count({ needs }: Holder, change: 1 | -1): void {
    for (const { bucket } of needs) {
      if (bucket.kind !== "concurrency") continue;
      const held = (this.#counts.get(bucket.id) ?? 0) + change;
      if (held > 0) this.#counts.set(bucket.id, held);
      else this.#counts.delete(bucket.id);
    }
  }
}
