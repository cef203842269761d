import { AllKeysExhaustedError } from "../errors.ts";
import type { Clock } from "../types.ts";

/** How a lane stands, counted in accounts. */
export interface PoolStanding {
  readonly accounts: number;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  readonly disabled: number;
  readonly unsuitable: number;
  /** Milliseconds until the next one is due; `null` when none is. */
  readonly wakeInMs: number | null;
}

/**
 * The error for a request nobody can serve. The pool's state decides its status: something that will recover, 429; only
 * refused credentials, 401; all switched off or unfit, 503.
 */
export function exhaustedError(pool: PoolStanding, clock: Clock): AllKeysExhaustedError {
  const { limited, refused, disabled, unsuitable } = pool;
  const recovers = limited + pool.ready > 0;
  const status = recovers ? 429 : refused > 0 ? 401 : 503;
  const retryAfterMs = recovers && pool.wakeInMs !== null ? Math.ceil(pool.wakeInMs) : null;
  return new AllKeysExhaustedError({
    status,
    retryAfterMs,
    retryAt: retryAfterMs === null ? null : clock.wall() + retryAfterMs,
    reasons: { limited: limited + pool.ready, credential: refused, disabled, unsuitable },
  });
}
