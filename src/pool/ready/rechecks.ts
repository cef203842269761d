import type { CooldownSource } from "../../types.ts";
import type { Account } from "../keys/pooled-key.ts";

/** Cooldowns that are guesses are probed by a live request when they are long: first after this share of them, milliseconds. */
const probeShare = 0.25;
const shortestProbeMs = 60_000;
const longestProbeMs = 900_000;

/** Only guesses, and credit that may have been topped up. */
export function mayProbe(source: CooldownSource | undefined): boolean {
  return source === "heuristic" || source === "credit";
}

/**
 * When a long guess is put to the test: by a live request, which goes on to another account at once if the guess holds. The
 * store lets one such probe through at a time over all processes.
 */
export class HalfOpenProbes {
  /** Until when a group is left alone: to the end of its cooldown, or to its next probe. */
  wakeAt(account: Account, now: number, endsAt: number): number {
    if (endsAt - now <= shortestProbeMs) return endsAt;
    if (account.probeAt <= now) {
      const stepMs = Math.min(Math.max((endsAt - now) * probeShare, shortestProbeMs), longestProbeMs);
      account.probeAt = now + stepMs;
    }
    return Math.min(account.probeAt, endsAt);
  }
}
