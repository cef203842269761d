import { isFingerprint } from "./fingerprint.ts";
import type { PooledKey } from "./pooled-key.ts";

/**
 * Keys by id, in the order in which they came. A key that was given as nothing but a secret goes by a hash of it, which is worked
 * out when somebody asks: for one key when it is told of, for all when a hash is looked for that nobody was told.
 */
export class KeyIndex {
  /** Those whose ids were asked for, or are that of their account. */
  entered = new Map<string, PooledKey>();
  /** Keys that are not in it yet. */
  #unentered = 0;
  /** Are some of those known by an id they were given? Others go by hashes. */
  #isAnyGiven = false;
  /** Were keys named in another order than they came in? */
  #isShuffled = false;
  readonly #inOrder: () => Iterable<PooledKey>;

  /** @param inOrder all keys in the order in which they came; asked while none has left yet */
  constructor(inOrder: () => Iterable<PooledKey>) {
    this.#inOrder = inOrder;
  }

  get size(): number {
    return this.entered.size + this.#unentered;
  }

  get(id: string): PooledKey | undefined {
    const known = this.entered.get(id);
    if (known !== undefined || this.#unentered === 0) return known;
    return this.#isAnyGiven || isFingerprint(id) ? this.#all().get(id) : undefined;
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  keys(): IterableIterator<string> {
    return this.#all().keys();
  }

  values(): IterableIterator<PooledKey> {
    return this.#all().values();
  }

  /** A key whose id is known from the beginning. */
  add(id: string, key: PooledKey): void {
    this.entered.set(id, key);
    if (this.#unentered > 0) this.#isShuffled = true;
  }

  /** A key that is entered when somebody asks for one that is not there. */
  expect(isGiven: boolean): void {
    this.#unentered++;
    this.#isShuffled = true;
    this.#isAnyGiven ||= isGiven;
  }

  /** One of those that were expected tells its hash. */
  onNamed(id: string, key: PooledKey): void {
    this.#unentered--;
    this.entered.set(id, key);
  }

  delete(key: PooledKey): void {
    this.#all().delete(key.id);
  }

  #all(): Map<string, PooledKey> {
    if (!this.#isShuffled) return this.entered;
    const all = new Map<string, PooledKey>();
    for (const key of this.#inOrder()) all.set(key.id, key);
    this.entered = all;
    this.#unentered = 0;
    this.#isAnyGiven = false;
    this.#isShuffled = false;
    return all;
  }
}

/** Numbers of keys, from 1 in the order in which they came: whoever comes back has the same one, and nobody has another's. */
export class Ordinals {
  #last = 0;
  /** Of keys that left, for when they come back. */
  readonly #former = new Map<string, number>();

  /** The next `count` are those of keys that come now. Returns the first of them. */
  take(count: number): number {
    this.#last += count;
    return this.#last - count + 1;
  }

  /** That of a key that comes. */
  for(id: string): number {
    const former = this.#former.get(id);
    if (former === undefined) return this.take(1);
    this.#former.delete(id);
    return former;
  }

  /** A key left, or is yet to come. */
  keep(id: string, ordinal: number): void {
    this.#former.set(id, ordinal);
  }

  /** This one was given, in this process or another. */
  note(ordinal: number): void {
    this.#last = Math.max(this.#last, ordinal);
  }

  beginAnew(): void {
    this.#former.clear();
    this.#last = 0;
  }
}
