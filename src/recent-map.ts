/** A map that forgets the entry unused for longest once it is full. It holds no memory before the first entry. */
export class RecentMap<Value> {
  readonly #most: number;
  readonly #dropped: ((value: Value) => void) | undefined;
  // In the order of use: a `Map` keeps entries as they were set.
  #entries: Map<string, Value> | undefined;

  /** @param dropped told of a value that was forgotten because the map was full */
  constructor(most: number, dropped?: (value: Value) => void) {
    this.#most = most;
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** Does not count as a use. */
  has(name: string): boolean {
    return this.#entries?.has(name) ?? false;
  }

  get(name: string): Value | undefined {
    const entries = this.#entries;
    const value = entries?.get(name);
    if (entries === undefined || value === undefined) return undefined;
    entries.delete(name);
    entries.set(name, value);
    return value;
  }

  set(name: string, value: Value): void {
    this.#entries ??= new Map();
    this.#entries.delete(name);
    this.#entries.set(name, value);
    if (this.#entries.size > this.#most) this.#dropOldest(this.#entries);
  }

  clear(): void {
    this.#entries = undefined;
  }

  /** The one unused for longest comes first. */
  values(): Iterable<Value> {
    return this.#entries?.values() ?? [];
  }

  #dropOldest(entries: Map<string, Value>): void {
    for (const [name, value] of entries) {
      entries.delete(name);
      this.#dropped?.(value);
      return;
    }
  }
}
