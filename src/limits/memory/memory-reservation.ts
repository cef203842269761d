import type { CooldownRecord } from "../cooldown-rules.ts";
import type { Candidate, Hold, Need } from "../store.ts";
import type { Counter } from "../windows/counter.ts";

/** A scope's record in a cell that candidates can hold on to while the record in it changes. */
export class ScopeCell {
  record: CooldownRecord;
  /** Whose probe it is put to at the moment. */
  probe: Hold | undefined = undefined;

  constructor(record: CooldownRecord) {
    this.record = record;
  }
}

/** What a store holds cells and counters of. It is another one whenever some came or went. */
export interface Layout {
  /** Whose it is: candidates may be asked of several. */
  readonly store: object;
}

/** What there is to be counted for a candidate. */
export interface CountedNeeds {
  /** The account's, then the caller's. */
  readonly needs: readonly Need[];
  readonly counters: readonly Counter[];
  readonly holdsPermits: boolean;
  /** Does a candidate's caller set amounts anew for every request? So it is with tokens. */
  readonly amountsVary: boolean;
}

/** What was looked up for a candidate, good for as long as the layout is the same; a reservation's receipt. */
export class CandidateMemo {
  readonly layout: Layout;
  readonly candidate: Candidate;
  readonly cells: readonly ScopeCell[];
  /** `undefined`: nothing is. */
  readonly counted: CountedNeeds | undefined;

  constructor(layout: Layout, candidate: Candidate, cells: readonly ScopeCell[], counted: CountedNeeds | undefined) {
    this.layout = layout;
    this.candidate = candidate;
    this.cells = cells;
    this.counted = counted;
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
