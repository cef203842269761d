import type { Clock } from "../../types.ts";
import { amountVaries, realAmount } from "../amounts.ts";
import type { Blocked, Hold, Need, Report } from "../store.ts";
import { type Counter, type Instant, untilRelease } from "../windows/counter.ts";
import type { CountedNeeds } from "./memory-reservation.ts";

/**
 * Takes all needs of a candidate and writes the tickets into the reservation: most keys have one or two limits, and need no list.
 * Where amounts differ from request to request, what was taken stands behind the tickets.
 */
export function takeAll(hold: Hold, { needs, counters, amountsVary }: CountedNeeds, at: Instant): void {
  if (needs.length > 2 || amountsVary) {
    const tickets = needs.map((need, place) => takeOne(need, counters[place] as Counter, at));
    hold.tickets = amountsVary ? [...tickets, ...needs.map(({ amount }) => amount)] : tickets;
    return;
  }
  hold.ticket = takeOne(needs[0] as Need, counters[0] as Counter, at);
  if (needs.length === 2) hold.secondTicket = takeOne(needs[1] as Need, counters[1] as Counter, at);
}

function takeOne({ bucket, amount }: Need, counter: Counter, at: Instant): number {
  return counter.take(amount, bucket, at);
}

/** The ticket of a need, by its place. */
export function ticketOf({ ticket, secondTicket, tickets }: Hold, place: number): number {
  if (tickets !== undefined) return tickets[place] as number;
  return place === 0 ? ticket : secondTicket;
}

/** Real amounts replace what was reserved. */
export function settleCounters(hold: Hold, counted: CountedNeeds, report: Report, clock: Clock): void {
  const { needs, counters, amountsVary } = counted;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const allowanceMs = report.allowanceMs ?? 0;
  for (let place = 0; place < needs.length; place++) {
    const { bucket, amount: asked } = needs[place] as Need;
    const amount = amountsVary ? (hold.tickets?.[needs.length + place] as number) : asked;
    const counter = counters[place] as Counter;
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

/** Where much was asked for, little may fit sooner. */
export function full(index: number, { bucket, amount }: Need, waitMs: number, counter: Counter, at: Instant): Blocked {
  const by = bucket.id;
  if (waitMs === untilRelease) return { index, by, until: null };
  const until = at.monotonic + waitMs;
  return amount <= 1
    ? { index, by, until }
    : { index, by, until, anyUntil: at.monotonic + counter.waitFor(1, bucket, at) };
}

/** When a candidate could be had again of which this was taken. Of tokens any amount counts as room. */
export function readyInMs({ needs, counters, amountsVary }: CountedNeeds, at: Instant): number {
  let readyMs = 0;
  for (let place = 0; place < needs.length; place++) {
    const { bucket, amount } = needs[place] as Need;
    const again = amountsVary && amountVaries(bucket) ? 1 : amount;
    const waitMs = (counters[place] as Counter).waitFor(again, bucket, at);
    if (waitMs > readyMs) readyMs = Math.ceil(waitMs);
  }
  return readyMs;
}
