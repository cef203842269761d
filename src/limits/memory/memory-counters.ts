import type { Bucket } from "../store.ts";
import type { Counter, Instant } from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";
import { isOlder, olderIdOf } from "./older-ids.ts";

/** How much longer than it counts a counter is kept: an answer that outlived its window may still be charged to it. */
const counterKeptMs = 15 * 60_000;

/** A counter that nobody asked for by name yet; kept in its bucket. */
class UnnamedCounter {
  /** Whose it is; `undefined`: it has a name by now. */
  owner: MemoryCounters | undefined;
  readonly bucket: Bucket;
  readonly counter: Counter;

  constructor(owner: MemoryCounters, bucket: Bucket) {
    this.owner = owner;
    this.bucket = bucket;
    this.counter = createCounter(bucket.kind);
  }
}

/**
 * Counters by the names of their buckets. As long as only one pool counts here, which says that no two of its buckets have one
 * name, none is asked for its name: of a large pool, putting names together and finding them takes most of the time and memory.
 */
export class MemoryCounters {
  /** Those that have a name; the others go with their buckets. */
  readonly named = new Map<string, Counter>();
  #unnamed: UnnamedCounter[] = [];
  /** Who gave the buckets of those out; `null`: somebody else counts here, too, and all are found by name. */
  #sole: object | undefined | null = undefined;

  /** Is there anything from a dump of version 0.1.0 of which nobody has asked yet? */
  #hasOlder = false;

  /** All of them. */
  get byName(): ReadonlyMap<string, Counter> {
    return this.#named();
  }

  of(bucket: Bucket): Counter {
    const { soleOf, memo } = bucket;
    if (memo instanceof UnnamedCounter && memo.owner === this) return memo.counter;
    if (soleOf === undefined || !this.#isSole(soleOf)) return this.#withName(bucket);
    const unnamed = new UnnamedCounter(this, bucket);
    bucket.memo = unnamed;
    this.#unnamed.push(unnamed);
    return unnamed.counter;
  }

  find(id: string): Counter | undefined {
    return this.#named().get(id) ?? (this.#hasOlder ? this.#adopt(id) : undefined);
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
    this.#sole = null;
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

  /** Has nobody counted here whose buckets may have the names of these? */
  #isSole(by: object): boolean {
    if (this.#sole === undefined && this.named.size === 0) this.#sole = by;
    else if (this.#sole !== by) this.#sole = null;
    return this.#sole === by;
  }

  #withName(bucket: Bucket): Counter {
    this.#sole = null;
    let counter = this.find(bucket.id);
    if (counter === undefined) {
      counter = createCounter(bucket.kind);
      this.named.set(bucket.id, counter);
    }
    return counter;
  }

  #named(): Map<string, Counter> {
    if (this.#unnamed.length === 0) return this.named;
    for (const unnamed of this.#unnamed) {
      this.named.set(unnamed.bucket.id, unnamed.counter);
      // From here on it may be dropped.
      unnamed.owner = undefined;
    }
    this.#unnamed = [];
    return this.named;
  }
}
