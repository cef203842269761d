import { needsOf } from "../amounts.ts";
import type { Bucket, OwnNeeds } from "../store.ts";
import type { Counter, Instant } from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";
import { type CandidateMemo, type CountedTerms, countedTerms, NamedNeeds } from "./memory-reservation.ts";
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
  #unnamed: CandidateMemo[] = [];
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

  /** Finds what is counted for a candidate that has needs. */
  countFor(memo: CandidateMemo): void {
    const { own, callerNeeds } = memo.candidate;
    if (own != null && own.soleOf !== undefined && callerNeeds === undefined && this.#isSole(own.soleOf)) {
      const terms = this.#termsOf(own);
      memo.count(
        terms,
        own,
        terms.all.map(({ kind }) => createCounter(kind)),
      );
      memo.owner = this;
      this.#unnamed.push(memo);
      return;
    }
    const needs = needsOf(memo.candidate);
    const buckets = needs.map(({ bucket }) => bucket);
    memo.count(
      countedTerms(buckets),
      new NamedNeeds(needs),
      buckets.map((bucket) => this.of(bucket)),
    );
  }

  #termsOf({ terms }: OwnNeeds): CountedTerms {
    if (this.#lastTerms === undefined || this.#lastTerms.all !== terms) this.#lastTerms = countedTerms(terms);
    return this.#lastTerms;
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
    for (const memo of this.#unnamed) memo.nameAll(this.named);
    this.#unnamed = [];
    return this.named;
  }
}
