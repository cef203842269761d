import { amountVaries } from "../amounts.ts";
import type { CooldownRecord } from "../cooldown-rules.ts";
import type { BucketTerms, Candidate, Hold, Need, OwnNeeds } from "../store.ts";
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

/** What is counted for candidates alike, in the order of their needs: the account's, then the caller's. */
export interface CountedTerms {
  readonly all: readonly BucketTerms[];
  readonly holdsPermits: boolean;
  /** Does a candidate's caller set amounts anew for every request? So it is with tokens. */
  readonly amountsVary: boolean;
}

/** The amounts that are wanted now, and the names of what they are wanted of. */
export type Wanted = Pick<OwnNeeds, "amounts" | "idOf">;

const nothing: CountedTerms = { all: [], holdsPermits: false, amountsVary: false };
const nobodyWants: Wanted = { amounts: undefined, idOf: () => "" };

/**
 * What was looked up for a candidate: a reservation's receipt. It is one object, and what every question looks at comes first: of a
 * large pool it is not in the cache.
 */
export class CandidateMemo {
  readonly candidate: Candidate;
  /** It is good for as long as the store's is the same; set again with the cells by the store. */
  layout: Layout;
  cells: readonly ScopeCell[];
  // What is counted for it, and by which counters: set where it was made. Most keys have one or two limits, and need no list.
  terms = nothing;
  first: Counter | undefined = undefined;
  second: Counter | undefined = undefined;
  wanted = nobodyWants;
  others: readonly Counter[] | undefined = undefined;
  /** Who keeps counters that have no name yet; `undefined`: they are found by name, and may have been dropped there. */
  owner: object | undefined = undefined;

  constructor(layout: Layout, candidate: Candidate, cells: readonly ScopeCell[]) {
    this.candidate = candidate;
    this.layout = layout;
    this.cells = cells;
  }

  count(terms: CountedTerms, wanted: Wanted, counters: readonly Counter[]): void {
    this.terms = terms;
    this.wanted = wanted;
    this.first = counters[0];
    this.second = counters[1];
    this.others = counters.length > 2 ? counters.slice(2) : undefined;
  }

  /** From here on its counters may be dropped. */
  nameAll(named: Map<string, Counter>): void {
    const counters = [this.first, this.second, ...(this.others ?? [])];
    for (const [place, counter] of counters.entries()) {
      if (counter !== undefined) named.set(this.wanted.idOf(place), counter);
    }
    this.owner = undefined;
  }
}

/** Needs that have names. */
export class NamedNeeds implements Wanted {
  readonly amounts: readonly Need[];

  constructor(needs: readonly Need[]) {
    this.amounts = needs;
  }

  idOf(place: number): string {
    return (this.amounts[place] as Need).bucket.id;
  }
}

export function countedTerms(all: readonly BucketTerms[]): CountedTerms {
  const holdsPermits = all.some(({ kind }) => kind === "concurrency");
  return { all, holdsPermits, amountsVary: all.some(amountVaries) };
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
