import type { CooldownSource } from "../../types.ts";
import type { Account } from "../keys/key-pool.ts";

/** Rests that are guesses are re-checked by a live request when they are long: first after this share of them, milliseconds. */
const recheckShare = 0.25;
const shortestRecheckMs = 60_000;
const longestRecheckMs = 900_000;

/** Only guesses, and credit that may have been topped up. */
export function mayRecheck(source: CooldownSource | undefined): boolean {
  return source === "heuristic" || source === "credit";
}

/**
 * When a long guess is put to the test: by a live request, which goes on to another account at once if the guess holds. The
 * store lets one such probe through at a time over all processes.
 */
export class Rechecks {
  /** Until when a group is left alone: to the end of its rest, or to its next test. */
  wakeAt(account: Account, now: number, endsAt: number): number {
    if (endsAt - now <= shortestRecheckMs) return endsAt;
    if (account.recheckAt <= now) {
      const stepMs = Math.min(Math.max((endsAt - now) * recheckShare, shortestRecheckMs), longestRecheckMs);
      account.recheckAt = now + stepMs;
    }
    return Math.min(account.recheckAt, endsAt);
  }
}
