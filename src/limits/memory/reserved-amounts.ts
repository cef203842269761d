import type { Clock } from "../../types.ts";
import { realAmount } from "../amounts.ts";
import type { Need, Report } from "../store.ts";
import type { Counter, Instant } from "../windows/counter.ts";
import type { MemoryReservation } from "./memory-reservation.ts";

/** What a reservation that takes nothing holds. */
export const noTickets: number[] = [];

/** One ticket a need. Arrays of the exact length: most keys have one or two limits. */
export function takeAll(needs: readonly Need[], counters: readonly Counter[], at: Instant): number[] {
  switch (needs.length) {
    case 0:
      return noTickets;
    case 1:
      return [takeOne(needs[0] as Need, counters[0] as Counter, at)];
    case 2:
      return [
        takeOne(needs[0] as Need, counters[0] as Counter, at),
        takeOne(needs[1] as Need, counters[1] as Counter, at),
      ];
    default:
      return needs.map((need, place) => takeOne(need, counters[place] as Counter, at));
  }
}

function takeOne({ bucket, amount }: Need, counter: Counter, at: Instant): number {
  return counter.take(amount, bucket, at);
}

/** Real amounts replace what was reserved. */
export function settleCounters(reservation: MemoryReservation, report: Report, clock: Clock): void {
  const { needs } = reservation.memo;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const allowanceMs = report.allowanceMs ?? 0;
  for (let place = 0; place < needs.length; place++) {
    const { bucket, amount: asked } = needs[place] as Need;
    const amount = reservation.amounts === undefined ? asked : (reservation.amounts[place] as number);
    const counter = reservation.memo.counters[place] as Counter;
    const ticket = reservation.tickets[place] as number;
    if (bucket.kind === "concurrency") {
      // Whoever hangs up is not heard at once.
      const lingers = report.sent !== "no" && (report.outcome === "aborted" || report.sent === "unknown");
      counter.settle(ticket, 0, lingers ? bucket.guardMs : 0, bucket, lingers ? clock.monotonic() : 0, 0);
      continue;
    }
    const real = report.sent === "no" ? 0 : realAmount(bucket, amount, report.amounts);
    const change = real - amount;
    const delayMs = Math.min(headersAfterMs, bucket.guardMs + allowanceMs);
    const now = change > 0 ? clock.monotonic() : reservation.reservedAt;
    counter.settle(ticket, change, delayMs, bucket, now, real);
  }
}
