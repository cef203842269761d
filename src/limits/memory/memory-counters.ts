import { needsOf } from "../amounts.ts";
import type { Bucket, Candidate, Need } from "../store.ts";
import type { Counter, Instant } from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";
import { CandidateMemo, CountedNeeds, type CountedTerms, countedTerms, NamedNeeds } from "./memory-reservation.ts";
import { isOlder, olderIdOf } from "./older-ids.ts";

/** How much longer than it counts a counter is kept: an answer that outlived its window may still be charged to it. */
const counterKeptMs = 15 * 60_000;

/**
 * Counters by the names of their buckets. As long as only one pool counts here, which says that no two of its buckets have one
 * name, none is asked for its name: of a large pool, putting names together and finding them takes most of the time and memory.
 */
export class MemoryCounters {
  /** Those that have a name; the others are kept with their candidates. */
  readonly named = new Map<string, Counter>();
  #unnamed: CountedNeeds[] = [];
  /** Whose those are; `null`: somebody else counts here, too, or asked by name, and all are found by name. */
  #sole: object | undefined | null = undefined;
  /** Of the candidate that was met last: most are counted alike. */
  #lastTerms: CountedTerms | undefined = undefined;
  /** Is there anything from a dump of version 0.1.0 of which nobody has asked yet? */
  #hasOlder = false;

  /** All of them. */
  get byName(): ReadonlyMap<string, Counter> {
    return this.#named();
  }

  of(bucket: Bucket): Counter {
    let counter = this.find(bucket.id);
    if (counter === undefined) {
      counter = createCounter(bucket.kind);
      this.named.set(bucket.id, counter);
    }
    return counter;
  }

  find(id: string): Counter | undefined {
    return this.#named().get(id) ?? (this.#hasOlder ? this.#adopt(id) : undefined);
  }

  /** What is counted for a candidate that has needs. */
  countedFor(candidate: Candidate): CountedNeeds | undefined {
    const { memo } = candidate;
    const known = memo instanceof CandidateMemo && memo.candidate === candidate ? memo.counted : undefined;
    return known?.owner === this ? known : (this.#unnamedFor(candidate) ?? this.#namedFor(candidate));
  }

  /** Where nobody asked for them by name yet. */
  #unnamedFor({ own, callerNeeds }: Candidate): CountedNeeds | undefined {
    if (own == null || own.soleOf === undefined || callerNeeds !== undefined || !this.#isSole(own.soleOf))
      return undefined;
    const { terms } = own;
    if (this.#lastTerms === undefined || this.#lastTerms.all !== terms) this.#lastTerms = countedTerms(terms);
    const counted = new CountedNeeds(this, this.#lastTerms, own);
    this.#unnamed.push(counted);
    return counted;
  }

  #namedFor(candidate: Candidate): CountedNeeds | undefined {
    const needs = needsOf(candidate);
    // The list of a caller's may be empty.
    if (needs.length === 0) return undefined;
    const terms = countedTerms(needs.map(({ bucket }) => bucket));
    return new CountedNeeds(this, terms, new NamedNeeds(needs), (place) => this.of((needs[place] as Need).bucket));
  }

  /** Has nobody counted here whose buckets may have the names of these? */
  #isSole(by: object): boolean {
    if (this.#sole === undefined) this.#sole = by;
    return this.#sole === by;
  }

  /** What version 0.1.0 counted of it, from now on under its own id. */
  #adopt(id: string): Counter | undefined {
    const older = olderIdOf(id);
    const counter = this.named.get(older);
    if (counter === undefined) return undefined;
    this.named.delete(older);
    this.named.set(id, counter);
    return counter;
  }

  /** Takes the place of all there were. */
  load(counters: ReadonlyMap<string, Counter>): void {
    this.#named().clear();
    for (const [id, counter] of counters) {
      this.named.set(id, counter);
      this.#hasOlder ||= isOlder(id);
    }
  }

  /** Drops those with nothing left in them. */
  sweep({ monotonic, wall }: Instant): void {
    const before: Instant = { monotonic: monotonic - counterKeptMs, wall: wall - counterKeptMs };
    for (const [id, counter] of this.named) if (counter.isIdle(before)) this.named.delete(id);
  }

  #named(): Map<string, Counter> {
    this.#sole = null;
    if (this.#unnamed.length === 0) return this.named;
    for (const counted of this.#unnamed) counted.nameAll(this.named);
    this.#unnamed = [];
    return this.named;
  }
}
