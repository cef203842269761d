import type { OwnCandidate } from "../../limits/key-candidate.ts";
import type { PooledKey } from "../keys/pooled-key.ts";
import type { ReadyOrder } from "../strategies/strategy.ts";

/** Accounts of one priority, in the strategy's order. */
export interface Tier {
  readonly priority: number;
  readonly order: ReadyOrder;
}

/** Whose keys alone may serve a request. */
export interface OnlyThese {
  /** By its name. */
  readonly account?: string | undefined;
  /** By its name. */
  readonly provider?: string | undefined;
}

/** What tells a ready set from others. */
export interface ReadySetKind {
  readonly model?: string | undefined;
  readonly coolsAlone?: boolean | undefined;
  readonly only?: OnlyThese | undefined;
  readonly accepts?: ((key: PooledKey) => boolean) | undefined;
}

/** A candidate, and what it was made of. */
export interface KnownCandidate {
  readonly fingerprint: string | undefined;
  readonly config: PooledKey["config"];
  readonly secret: PooledKey["secret"];
  readonly candidate: OwnCandidate;
}
