/** A set of slots kept dense, so that one can be drawn at random at a flat cost. */
export class SlotSet {
  size = 0;
  #members = new Int32Array(8);
  #places = new Int32Array(8).fill(-1);

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== -1;
  }

  /** The slot at a place from 0 to `size - 1`. The order means nothing. */
  at(place: number): number {
    return this.#members[place] as number;
  }

  add(slot: number): void {
    if (slot >= this.#places.length) this.#grow(slot);
    if (this.#places[slot] !== -1) return;
    this.#places[slot] = this.size;
    this.#members[this.size++] = slot;
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.#places[slot] as number;
    const last = this.#members[--this.size] as number;
    this.#members[place] = last;
    this.#places[last] = place;
    this.#places[slot] = -1;
  }

  #grow(slot: number): void {
    const length = Math.max(slot + 1, this.#places.length * 2);
    const members = new Int32Array(length);
    const places = new Int32Array(length).fill(-1);
    members.set(this.#members);
    places.set(this.#places);
    this.#members = members;
    this.#places = places;
  }
}
