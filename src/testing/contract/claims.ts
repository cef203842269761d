/** In what stores differ, and may. Everything else is asked of each of them. */
export interface StoreCapabilities {
  /** Its wall clock is the environment's: calendar windows can be moved through. @default true */
  readonly wallClock?: boolean | undefined;
  /** Every answer is there at once, none is a promise. @default false */
  readonly synchronous?: boolean | undefined;
  /** It has `dump` and `load`. @default false */
  readonly dumps?: boolean | undefined;
  /** It has `watch`, and tells of cooldowns and of what was given back. @default false */
  readonly watches?: boolean | undefined;
  /** It has `pins`. @default false */
  readonly pins?: boolean | undefined;
  /** It has `claim`. @default false */
  readonly claims?: boolean | undefined;
  /**
   * It is a `SharedStore`: several handles, in as many processes, work on one state at a time, and leases end. Needs `another`.
   * @default false
   */
  readonly shared?: boolean | undefined;
  /** What was counted and what cools down is there again after the last handle was closed. Needs `another`. @default false */
  readonly persists?: boolean | undefined;
}

export type Claims = { readonly [name in keyof StoreCapabilities]-?: boolean };

export function claimsOf(capabilities: StoreCapabilities = {}): Claims {
  const { wallClock = true, synchronous = false, dumps = false } = capabilities;
  const { watches = false, pins = false, claims = false, shared = false, persists = false } = capabilities;
  return { wallClock, synchronous, dumps, watches, pins, claims, shared, persists };
}

/** Why a part of the contract is left out. */
export const reasons: { readonly [name in keyof Claims]: string } = {
  wallClock: "the store's wall clock cannot be moved (`wallClock`)",
  synchronous: "the store does not say that it answers at once (`synchronous`)",
  dumps: "the store does not say that it can be dumped and loaded (`dumps`)",
  watches: "the store does not say that it tells of changes (`watches`)",
  pins: "the store does not say that it has `pins` (`pins`)",
  claims: "the store does not say that one of many can claim something (`claims`)",
  shared: "the store does not say that several handles share its state (`shared`)",
  persists: "the store does not say that its state outlives it (`persists`)",
};
