import type { Need } from "../../limits/store.ts";
import type { ScopeId } from "../../types.ts";

/** Cooldowns that end within so long of each other are the same one, heard of twice; milliseconds. */
const sameEndMs = 250;

/** A wall that stands or stood, monotonic. */
export interface KnownWall {
  readonly endsAt: number;
  /** How long it was when this process first heard of it, milliseconds. */
  readonly lengthMs: number;
}

/** What a pool knows of addresses that cooled down as a whole, whichever process had them cool. */
export class Addresses {
  readonly #walls = new Map<ScopeId, KnownWall>();
  readonly #permits = new Map<ScopeId, Need>();

  onCooled(address: ScopeId, forMs: number, reason: string | undefined, now: number): void {
    const endsAt = now + forMs;
    if (reason !== "wall" || endsAt < (this.#walls.get(address)?.endsAt ?? 0) + sameEndMs) return;
    this.#walls.set(address, { endsAt, lengthMs: forMs });
  }

  /** The wall that was met last from this address. */
  wallOf(address: ScopeId): KnownWall | undefined {
    return this.#walls.get(address);
  }

  /** One of so many permits that all processes of an address have together. The store frees it when its request has ended. */
  permitOf(address: ScopeId, permits: number): Need {
    let need = this.#permits.get(address);
    if (need?.bucket.limit !== permits) {
      const terms = { kind: "concurrency", dimension: "concurrency", limit: permits, guardMs: 0 } as const;
      need = { bucket: { id: `${address}#~half-open`, ...terms }, amount: 1 };
      this.#permits.set(address, need);
    }
    return need;
  }
}
