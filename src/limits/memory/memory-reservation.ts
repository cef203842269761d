import type { CooldownRecord } from "../cooldown-rules.ts";
import type { Candidate, Hold, Need } from "../store.ts";
import type { Counter } from "../windows/counter.ts";

/** A scope's record in a cell that candidates can hold on to while the record in it changes. */
export class ScopeCell {
  record: CooldownRecord;
  /** Whose probe it is put to at the moment. */
  probe: Hold | undefined;

  constructor(record: CooldownRecord) {
    this.record = record;
    this.probe = undefined;
  }
}

/** What was looked up for a candidate, good for as long as the store's layout has not changed; a reservation's receipt. */
export class CandidateMemo {
  /** Whose it is: candidates may be asked of several. */
  readonly store: object;
  readonly layout: number;
  readonly candidate: Candidate;
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
    candidate: Candidate,
    needs: readonly Need[],
    cells: readonly ScopeCell[],
    counters: readonly Counter[],
    holdsPermits: boolean,
    amountsVary: boolean,
  ) {
    this.store = store;
    this.layout = layout;
    this.candidate = candidate;
    this.needs = needs;
    this.cells = cells;
    this.counters = counters;
    this.holdsPermits = holdsPermits;
    this.amountsVary = amountsVary;
  }
}

/** For whoever asks without an object to be filled. */
export class MemoryReservation implements Hold {
  number = 0;
  index = 0;
  reservedAt = 0;
  readyInMs = 0;
  receipt: unknown = undefined;
  ticket = 0;
  secondTicket = 0;
  tickets: readonly number[] | undefined = undefined;

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
