import { amountVaries } from "../amounts.ts";
import type { CooldownRecord } from "../cooldown-rules.ts";
import type { BucketTerms, Candidate, Hold, Need, OwnNeeds } from "../store.ts";
import type { Counter } from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";

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

/** What is counted for a candidate, and by which counters. */
export class CountedNeeds {
  /** Who keeps counters that have no name yet; `undefined`: they are found by name, and may have been dropped there. */
  owner: object | undefined;
  readonly terms: CountedTerms;
  readonly wanted: Wanted;
  // Most keys have one or two limits, and need no list.
  readonly first: Counter;
  readonly second: Counter | undefined;
  readonly others: readonly Counter[] | undefined;

  /** @param byName finds the counter of a need, by its place; without it they are new, and `owner` keeps them */
  constructor(owner: object, terms: CountedTerms, wanted: Wanted, byName?: (place: number) => Counter) {
    const { all } = terms;
    const counterOf = byName ?? ((place: number) => createCounter((all[place] as BucketTerms).kind));
    this.owner = byName === undefined ? owner : undefined;
    this.terms = terms;
    this.wanted = wanted;
    this.first = counterOf(0);
    this.second = all.length > 1 ? counterOf(1) : undefined;
    this.others = all.length > 2 ? all.slice(2).map((_, place) => counterOf(place + 2)) : undefined;
  }

  /** From here on they may be dropped. */
  nameAll(named: Map<string, Counter>): void {
    const counters = [this.first, this.second, ...(this.others ?? [])];
    for (const [place, counter] of counters.entries()) {
      if (counter !== undefined) named.set(this.wanted.idOf(place), counter);
    }
    this.owner = undefined;
  }
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
