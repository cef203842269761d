import type { Bucket, CooldownChange, Report, Usage } from "../store.ts";
import type { RedisReservation } from "./redis-reservation.ts";

/** What becomes of one amount taken. */
interface SettledNeed {
  readonly bucket: Bucket;
  readonly ticket: number;
  /** What corrects the amount taken to the real one. */
  readonly change: number;
  /** How long after reserving the provider had counted, as far as believed; of a place, how long it stays taken. */
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

const noChanges: readonly CooldownChange[] = Object.freeze([]);

/** What a report means for each bucket. Copies what callers may change afterwards. */
export function settlingOf(reservation: RedisReservation, report: Report): Settling {
  const { outcome, sent, usage, cooldowns } = report;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const needs = reservation.needs.map(({ bucket, amount }, place): SettledNeed => {
    const ticket = reservation.tickets[place] ?? 0;
    if (bucket.kind === "concurrency") {
      // Whoever hangs up is not heard at once.
      const lingers = sent !== "no" && (outcome === "aborted" || sent === "unknown");
      return { bucket, ticket, change: 0, delayMs: lingers ? Math.ceil(bucket.guardMs) : 0, real: 0 };
    }
    const real = sent === "no" ? 0 : realAmount(bucket, amount, usage);
    const believedMs = Math.min(headersAfterMs, bucket.guardMs + (report.allowanceMs ?? 0));
    const delayMs = Math.ceil(believedMs + reservation.lagMs);
    return { bucket, ticket, change: real - amount, delayMs, real };
  });
  return { reservation, isSuccess: outcome === "success", needs, changes: cooldowns ?? noChanges };
}

/** What a bucket was really charged; the estimate stands where the answer did not tell. */
function realAmount({ dimension }: Bucket, estimate: number, usage: Usage | undefined): number {
  switch (dimension) {
    case "inputTokens":
      return usage?.inputTokens ?? estimate;
    case "outputTokens":
      return usage?.outputTokens ?? estimate;
    case "tokens":
      return usage?.totalTokens ?? sumOf(usage) ?? estimate;
    default:
      return estimate;
  }
}

function sumOf({ inputTokens, outputTokens }: Usage = {}): number | undefined {
  return inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens;
}
