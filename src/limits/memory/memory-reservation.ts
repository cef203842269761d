import type { CooldownRecord } from "../cooldown-rules.ts";
import type { Candidate, Reservation } from "../store.ts";
import type { Counter, Instant } from "../windows/counter.ts";
import { limitOf } from "../windows/statement.ts";

/** What a reservation asks of its store. */
interface CountingStore {
  instant(): Instant;
}

/** A scope's record in a cell that candidates can hold on to while the record in it changes. */
export class ScopeCell {
  record: CooldownRecord;
  probe: MemoryReservation | undefined;

  constructor(record: CooldownRecord) {
    this.record = record;
  }
}

/** What was looked up for a candidate: good for as long as the store's layout has not changed. */
export class CandidateMemo {
  readonly store: CountingStore;
  readonly layout: number;
  readonly cells: readonly ScopeCell[];
  readonly counters: readonly Counter[];
  readonly holdsConcurrency: boolean;
  /** Does a candidate's caller set amounts anew for every request? So it is with tokens. */
  readonly amountsVary: boolean;

  constructor(
    store: CountingStore,
    layout: number,
    cells: ScopeCell[],
    counters: Counter[],
    holdsConcurrency: boolean,
    amountsVary: boolean,
  ) {
    this.amountsVary = amountsVary;
    this.store = store;
    this.layout = layout;
    this.cells = cells;
    this.counters = counters;
    this.holdsConcurrency = holdsConcurrency;
  }
}

export class MemoryReservation implements Reservation {
  readonly number: number;
  readonly index: number;
  readonly reservedAt: number;
  readonly leaseMs: number;
  /** Whole milliseconds: small numbers need no memory of their own. */
  readonly readyInMs: number;
  readonly candidate: Candidate;
  readonly memo: CandidateMemo;
  readonly tickets: number[];
  /** What was taken, where the candidate's amounts change from request to request. */
  readonly amounts: readonly number[] | undefined;
  settled = false;
  /** Its place among those that hold something until they are settled; -1: it holds nothing. */
  place = -1;
  /** Its concurrency was given back before anybody settled it. */
  expired = false;

  constructor(
    number: number,
    index: number,
    reservedAt: number,
    leaseMs: number,
    readyInMs: number,
    candidate: Candidate,
    memo: CandidateMemo,
    tickets: number[],
    amounts: readonly number[] | undefined,
  ) {
    this.amounts = amounts;
    this.number = number;
    this.index = index;
    this.reservedAt = reservedAt;
    this.leaseMs = leaseMs;
    this.readyInMs = readyInMs;
    this.candidate = candidate;
    this.memo = memo;
    this.tickets = tickets;
  }

  get granted(): true {
    return true;
  }

  get readyAt(): number {
    return this.reservedAt + this.readyInMs;
  }

  get id(): string {
    return String(this.number);
  }

  get expiresAt(): number {
    return this.reservedAt + this.leaseMs;
  }

  get left(): readonly number[] {
    const { memo, candidate } = this;
    return candidate.needs.map(({ bucket }, place) => {
      const counter = memo.counters[place] as Counter;
      const at = memo.store.instant();
      return limitOf(counter, bucket, at) - counter.used(bucket, at);
    });
  }
}

/** Reservations that hold something, in no order. Each knows its place, so that none has to be looked for. */
export class Holders {
  readonly #list: MemoryReservation[] = [];

  get size(): number {
    return this.#list.length;
  }

  add(reservation: MemoryReservation): void {
    reservation.place = this.#list.length;
    this.#list.push(reservation);
  }

  /** Was it among them? */
  delete(reservation: MemoryReservation): boolean {
    const { place } = reservation;
    if (place === -1 || this.#list[place] !== reservation) return false;
    reservation.place = -1;
    const last = this.#list.pop() as MemoryReservation;
    if (last === reservation) return true;
    this.#list[place] = last;
    last.place = place;
    return true;
  }

  /** Those there are now, whatever becomes of them meanwhile. */
  all(): readonly MemoryReservation[] {
    return [...this.#list];
  }
}
