import type { CooldownRecord } from "../cooldown-rules.ts";
import type { Candidate, Need, Reservation } from "../store.ts";
import type { Counter } from "../windows/counter.ts";

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
  /** Whose it is: candidates may be asked of several. */
  readonly store: object;
  readonly layout: number;
  /** Of whom the needs are. */
  readonly accountNeeds: readonly Need[];
  readonly callerNeeds: readonly Need[] | undefined;
  /** The account's, then the caller's. */
  readonly needs: readonly Need[];
  readonly cells: readonly ScopeCell[];
  readonly counters: readonly Counter[];
  readonly holdsPermits: boolean;
  /** Does a candidate's caller set amounts anew for every request? So it is with tokens. */
  readonly amountsVary: boolean;

  constructor(
    store: object,
    layout: number,
    accountNeeds: readonly Need[],
    callerNeeds: readonly Need[] | undefined,
    needs: readonly Need[],
    cells: ScopeCell[],
    counters: Counter[],
    holdsPermits: boolean,
    amountsVary: boolean,
  ) {
    this.amountsVary = amountsVary;
    this.store = store;
    this.layout = layout;
    this.accountNeeds = accountNeeds;
    this.callerNeeds = callerNeeds;
    this.needs = needs;
    this.cells = cells;
    this.counters = counters;
    this.holdsPermits = holdsPermits;
  }
}

export class MemoryReservation implements Reservation {
  readonly number: number;
  readonly index: number;
  readonly reservedAt: number;
  /** Whole milliseconds: small numbers need no memory of their own. */
  readonly readyInMs: number;
  readonly candidate: Candidate;
  readonly memo: CandidateMemo;
  readonly tickets: number[];
  /** What was taken, where the candidate's amounts change from request to request. */
  readonly amounts: readonly number[] | undefined;
  settled = false;
  /** Has it permits or a probe's claim, which somebody may wait for? */
  isHolding = false;

  constructor(
    number: number,
    index: number,
    reservedAt: number,
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
}
