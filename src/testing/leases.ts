import { CandidateMemo, type MemoryReservation } from "../limits/memory/memory-reservation.ts";
import { counterAt, ticketOf } from "../limits/memory/reserved-amounts.ts";
import type { Reservation, ReserveOptions } from "../limits/store.ts";
import type { Clock } from "../types.ts";

interface Open {
  readonly leaseMs: number;
  expiresAt: number;
}

/**
 * Leases over a memory store, which by itself knows of none: for stores that stand for one of several processes. Every handle has
 * leases of its own; all of them end before any of them asks.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #open = new Map<Reservation, Open>();
  /** Of all handles on one state. */
  readonly #all: Set<Leases>;

  constructor(clock: Clock, all = new Set<Leases>()) {
    this.#clock = clock;
    this.#all = all;
    all.add(this);
  }

  /** For another handle on the same state. */
  another(): Leases {
    return new Leases(this.#clock, this.#all);
  }

  begin(reservation: Reservation, { leaseMs, dryRun }: ReserveOptions): void {
    if (dryRun === true) return;
    this.#open.set(reservation, { leaseMs, expiresAt: this.#clock.monotonic() + leaseMs });
  }

  settled(reservation: Reservation): void {
    this.#open.delete(reservation);
  }

  renew(): void {
    this.endDue();
    for (const open of this.#open.values()) open.expiresAt = this.#clock.monotonic() + open.leaseMs;
  }

  /** Gives back what leases held that have ended. Windows keep what they count, and the report may still correct it. */
  endDue(): void {
    const now = this.#clock.monotonic();
    for (const { own } of this.#everybody()) {
      for (const [reservation, { expiresAt }] of own) {
        if (expiresAt > now) continue;
        own.delete(reservation);
        release(reservation as MemoryReservation, now);
      }
    }
  }

  *#everybody(): Generator<{ own: Map<Reservation, Open> }> {
    for (const each of this.#all) yield { own: each.#open };
  }
}

/** What it holds of permits is given back; what it took of windows stays counted, and its report is still to come. */
function release(hold: MemoryReservation, now: number): void {
  const memo = hold.receipt;
  if (!(memo instanceof CandidateMemo)) return;
  const { all, amountsVary } = memo.terms;
  const tickets = all.map((_, place) => ticketOf(hold, place));
  for (const [place, bucket] of all.entries()) {
    if (bucket.kind !== "concurrency") continue;
    counterAt(memo, place).settle(tickets[place] as number, 0, 0, bucket, now, 0);
    tickets[place] = 0;
  }
  hold.tickets = amountsVary ? [...tickets, ...(hold.tickets ?? []).slice(tickets.length)] : tickets;
  for (const cell of memo.cells) if (cell.probe === hold) cell.probe = undefined;
}
