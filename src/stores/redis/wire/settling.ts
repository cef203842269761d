import { realAmount } from "../../../limits/amounts.ts";
import type { Bucket, Report } from "../../../limits/store.ts";
import type { CooldownChange } from "../../../types.ts";
import type { RedisReservation } from "./answer.ts";

/** What becomes of one amount taken. */
interface SettledNeed {
  readonly bucket: Bucket;
  readonly ticket: number;
  /** What corrects the amount taken to the real one. */
  readonly change: number;
  /** How long after reserving the provider had counted, as far as believed; of a permit, how long it stays taken. */
  readonly delayMs: number;
  readonly real: number;
}

/** A report as the script needs it. */
export interface Settling {
  readonly reservation: RedisReservation;
  readonly isSuccess: boolean;
  readonly needs: readonly SettledNeed[];
  readonly changes: readonly CooldownChange[];
}

/** A slot of a long window that is free again so much later, or earlier, is not worth a word: of the window, this share. */
const smallShare = 0.001;

const noChanges: readonly CooldownChange[] = Object.freeze([]);

/** What a report means for each bucket. Copies what callers may change afterwards. */
export function settlingOf(reservation: RedisReservation, report: Report): Settling {
  const { outcome, sent, amounts, cooldowns } = report;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const needs: SettledNeed[] = [];
  for (const [place, { bucket, amount }] of reservation.needs.entries()) {
    const ticket = reservation.tickets[place] ?? 0;
    if (bucket.kind === "concurrency") {
      // Whoever hangs up is not heard at once.
      const lingers = sent !== "no" && (outcome === "aborted" || sent === "unknown");
      needs.push({ bucket, ticket, change: 0, delayMs: lingers ? Math.ceil(bucket.guardMs) : 0, real: 0 });
      continue;
    }
    const real = sent === "no" ? 0 : realAmount(bucket, amount, amounts);
    const believedMs = Math.min(headersAfterMs, bucket.guardMs + (report.allowanceMs ?? 0));
    const delayMs = Math.ceil(believedMs + reservation.lagMs);
    const change = real - amount;
    if (change !== 0 || isWorthTelling(bucket, delayMs)) needs.push({ bucket, ticket, change, delayMs, real });
  }
  return { reservation, isSuccess: outcome === "success", needs, changes: cooldowns ?? noChanges };
}

/** Is there nothing in it that the server would not do without? */
export function isIdle(settling: Settling): boolean {
  return settling.needs.length === 0 && settling.changes.length === 0 && !mayClear(settling);
}

/** May it clear, or give back, what a scope was known to have? */
function mayClear({ reservation, isSuccess }: Settling): boolean {
  return (isSuccess || reservation.isProbe) && reservation.known.length > 0;
}

/** Where the amount was right, does it matter when it was counted? */
function isWorthTelling({ kind, guardMs, windowMs = 0 }: Bucket, delayMs: number): boolean {
  if (kind === "calendar") return false;
  return kind !== "rolling" || delayMs > guardMs || guardMs > windowMs * smallShare;
}
