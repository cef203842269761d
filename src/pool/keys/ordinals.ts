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
