import type { OwnCandidate } from "../../limits/key-candidate.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import type { ReadyOrder } from "../strategies/strategy.ts";

/** Accounts of one priority, in the strategy's order. */
export interface Tier {
  readonly priority: number;
  readonly order: ReadyOrder;
}

/** What tells a ready set from others. */
export interface ReadySetKind {
  readonly model?: string | undefined;
  readonly coolsAlone?: boolean | undefined;
  readonly accepts?: ((key: PooledKey) => boolean) | undefined;
}

/** A candidate, and what it was made of. */
export interface KnownCandidate {
  readonly fingerprint: string | undefined;
  readonly config: PooledKey["config"];
  readonly secret: PooledKey["secret"];
  readonly candidate: OwnCandidate;
}
