import type { Bucket, Need } from "../../../limits/store.ts";

interface Holder {
  readonly id: string;
  readonly expiresAt: number;
  readonly needs: readonly Need[];
}

/** Requests under way from this process: which places they hold. */
export class OwnPlaces {
  readonly #holders = new Map<string, Holder>();
  readonly #counts = new Map<string, number>();

  taken(holder: Holder): void {
    if (!holder.needs.some(({ bucket }) => bucket.kind === "concurrency")) return;
    this.#holders.set(holder.id, holder);
    this.#count(holder, 1);
  }

  ended({ id }: Holder): void {
    const holder = this.#holders.get(id);
    if (holder === undefined) return;
    this.#holders.delete(id);
    this.#count(holder, -1);
  }

  heldIn({ id }: Bucket): number {
    return this.#counts.get(id) ?? 0;
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
