import type { KeyConfig } from "../../types.ts";

/** What most keys never have. */
export interface KeyTroubles {
  /** Monotonic time until which this key alone cools down, as the store last said. */
  readonly cooldownUntil: number;
  /** When the limit behind that cooldown ends; Infinity where it is none. Of no meaning after `cooldownUntil`. */
  readonly freeAt: number;
  /** Does it cool down because its credential was refused? */
  readonly isCredentialRefused: boolean;
  /** Was it switched off because its credential was refused, rather than by an operator? */
  readonly givenUp: boolean;
  /** Why it is off, where somebody said so. */
  readonly offReason: string | undefined;
  /** The secret it was given, where it may be sent with another one for a time. */
  readonly source: KeyConfig["secret"] | undefined;
  /** Names the fetched secret that was refused last. */
  readonly refusedFingerprint: string | undefined;
  readonly failures: number;
  /** Monotonic milliseconds; 0: never. */
  readonly lastFailureAt: number;
}

export const noTroubles: KeyTroubles = Object.freeze({
  cooldownUntil: 0,
  freeAt: 0,
  isCredentialRefused: false,
  givenUp: false,
  offReason: undefined,
  source: undefined,
  refusedFingerprint: undefined,
  failures: 0,
  lastFailureAt: 0,
});
