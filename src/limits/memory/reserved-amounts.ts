import type { Clock } from "../../types.ts";
import { amountVaries, realAmount } from "../amounts.ts";
import type { Blocked, BucketTerms, Hold, Report } from "../store.ts";
import { type Counter, type Instant, untilRelease } from "../windows/counter.ts";
import type { CandidateMemo } from "./memory-reservation.ts";

/**
 * Takes all needs of a candidate and writes the tickets into the reservation: most keys have one or two limits, and need no list.
 * Where amounts differ from request to request, what was taken stands behind the tickets.
 */
export function takeAll(hold: Hold, memo: CandidateMemo, at: Instant): void {
  const { all, amountsVary } = memo.terms;
  if (all.length > 2 || amountsVary) {
    const { amounts } = memo.wanted;
    const taken = all.map((_, place) => amounts?.[place]?.amount ?? 1);
    const tickets = all.map((bucket, place) => counterAt(memo, place).take(taken[place] as number, bucket, at));
    hold.tickets = amountsVary ? [...tickets, ...taken] : tickets;
    return;
  }
  hold.ticket = (memo.first as Counter).take(memo.wanted.amounts?.[0]?.amount ?? 1, all[0] as BucketTerms, at);
  if (all.length === 2)
    hold.secondTicket = counterAt(memo, 1).take(memo.wanted.amounts?.[1]?.amount ?? 1, all[1] as BucketTerms, at);
}

export function counterAt({ first, second, others }: CandidateMemo, place: number): Counter {
  return (place === 0 ? first : place === 1 ? second : others?.[place - 2]) as Counter;
}

/** The ticket of a need, by its place. */
export function ticketOf({ ticket, secondTicket, tickets }: Hold, place: number): number {
  if (tickets !== undefined) return tickets[place] as number;
  return place === 0 ? ticket : secondTicket;
}

/** Real amounts replace what was reserved. */
export function settleCounters(hold: Hold, memo: CandidateMemo, report: Report, clock: Clock): void {
  const { all, amountsVary } = memo.terms;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const allowanceMs = report.allowanceMs ?? 0;
  for (let place = 0; place < all.length; place++) {
    const bucket = all[place] as BucketTerms;
    const amount = amountsVary
      ? (hold.tickets?.[all.length + place] as number)
      : (memo.wanted.amounts?.[place]?.amount ?? 1);
    const counter = counterAt(memo, place);
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
export function full(index: number, memo: CandidateMemo, place: number, waitMs: number, at: Instant): Blocked {
  if (waitMs === untilRelease) return { index, by: memo.wanted.idOf(place), until: null };
  const by = memo.wanted.idOf(place);
  const until = at.monotonic + waitMs;
  return (memo.wanted.amounts?.[place]?.amount ?? 1) <= 1
    ? { index, by, until }
    : {
        index,
        by,
        until,
        anyUntil: at.monotonic + counterAt(memo, place).waitFor(1, memo.terms.all[place] as BucketTerms, at),
      };
}

/** When a candidate could be had again of which this was taken. Of tokens any amount counts as room. */
export function readyInMs(memo: CandidateMemo, at: Instant): number {
  const { all, amountsVary } = memo.terms;
  let readyMs = 0;
  for (let place = 0; place < all.length; place++) {
    const asked = amountsVary && amountVaries(all[place] as BucketTerms) ? undefined : memo.wanted.amounts?.[place];
    const waitMs = counterAt(memo, place).waitFor(asked?.amount ?? 1, all[place] as BucketTerms, at);
    if (waitMs > readyMs) readyMs = Math.ceil(waitMs);
  }
  return readyMs;
}
