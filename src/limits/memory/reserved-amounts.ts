import type { Clock } from "../../types.ts";
import { amountVaries, realAmount } from "../amounts.ts";
import type { Blocked, BucketTerms, Hold, Report } from "../store.ts";
import { type Counter, type Instant, untilRelease } from "../windows/counter.ts";
import type { CountedNeeds } from "./memory-reservation.ts";

/**
 * Takes all needs of a candidate and writes the tickets into the reservation: most keys have one or two limits, and need no list.
 * Where amounts differ from request to request, what was taken stands behind the tickets.
 */
export function takeAll(hold: Hold, counted: CountedNeeds, at: Instant): void {
  const { all, amountsVary } = counted.terms;
  if (all.length > 2 || amountsVary) {
    const { amounts } = counted.wanted;
    const taken = all.map((_, place) => amounts?.[place]?.amount ?? 1);
    const tickets = all.map((bucket, place) => counterAt(counted, place).take(taken[place] as number, bucket, at));
    hold.tickets = amountsVary ? [...tickets, ...taken] : tickets;
    return;
  }
  hold.ticket = counted.first.take(counted.wanted.amounts?.[0]?.amount ?? 1, all[0] as BucketTerms, at);
  if (all.length === 2)
    hold.secondTicket = counterAt(counted, 1).take(counted.wanted.amounts?.[1]?.amount ?? 1, all[1] as BucketTerms, at);
}

export function counterAt({ first, second, others }: CountedNeeds, place: number): Counter {
  return place === 0 ? first : ((place === 1 ? second : others?.[place - 2]) as Counter);
}

/** The ticket of a need, by its place. */
export function ticketOf({ ticket, secondTicket, tickets }: Hold, place: number): number {
  if (tickets !== undefined) return tickets[place] as number;
  return place === 0 ? ticket : secondTicket;
}

/** Real amounts replace what was reserved. */
export function settleCounters(hold: Hold, counted: CountedNeeds, report: Report, clock: Clock): void {
  const { all, amountsVary } = counted.terms;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const allowanceMs = report.allowanceMs ?? 0;
  for (let place = 0; place < all.length; place++) {
    const bucket = all[place] as BucketTerms;
    const amount = amountsVary
      ? (hold.tickets?.[all.length + place] as number)
      : (counted.wanted.amounts?.[place]?.amount ?? 1);
    const counter = counterAt(counted, place);
    const ticket = ticketOf(hold, place);
    if (bucket.kind === "concurrency") {
      // Whoever hangs up is not heard at once.
      const lingers = report.sent !== "no" && (report.outcome === "aborted" || report.sent === "unknown");
      counter.settle(ticket, 0, lingers ? bucket.guardMs : 0, bucket, lingers ? clock.monotonic() : 0, 0);
      continue;
    }
    const real = report.sent === "no" ? 0 : realAmount(bucket, amount, report.amounts);
    const change = real - amount;
    const delayMs = Math.min(headersAfterMs, bucket.guardMs + allowanceMs);
    const now = change > 0 ? clock.monotonic() : hold.reservedAt;
    counter.settle(ticket, change, delayMs, bucket, now, real);
  }
}

/** What refuses this need, which has to wait so long. Where much was asked for, little may fit sooner. */
export function full(index: number, counted: CountedNeeds, place: number, waitMs: number, at: Instant): Blocked {
  if (waitMs === untilRelease) return { index, by: counted.wanted.idOf(place), until: null };
  const by = counted.wanted.idOf(place);
  const until = at.monotonic + waitMs;
  return (counted.wanted.amounts?.[place]?.amount ?? 1) <= 1
    ? { index, by, until }
    : {
        index,
        by,
        until,
        anyUntil: at.monotonic + counterAt(counted, place).waitFor(1, counted.terms.all[place] as BucketTerms, at),
      };
}

/** When a candidate could be had again of which this was taken. Of tokens any amount counts as room. */
export function readyInMs(counted: CountedNeeds, at: Instant): number {
  const { all, amountsVary } = counted.terms;
  let readyMs = 0;
  for (let place = 0; place < all.length; place++) {
    const asked = amountsVary && amountVaries(all[place] as BucketTerms) ? undefined : counted.wanted.amounts?.[place];
    const waitMs = counterAt(counted, place).waitFor(asked?.amount ?? 1, all[place] as BucketTerms, at);
    if (waitMs > readyMs) readyMs = Math.ceil(waitMs);
  }
  return readyMs;
}
