/**
 * Parked slots by the time they wake, soonest first: a heap with four children a node, in typed arrays, with each slot's
 * place kept so that a time can be changed.
 */
export class WakeHeap {
  size = 0;
  #slots = new Int32Array(16);
  #places = new Int32Array(16).fill(-1);
  #times = new Float64Array(16);

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== -1;
  }

  /** The soonest, or -1. */
  get first(): number {
    return this.size === 0 ? -1 : (this.#slots[0] as number);
  }

  /** Time of the soonest, or Infinity. */
  nextAt(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : (this.#times[this.#slots[0] as number] as number);
  }

  /**
   * The soonest of the times that `others` gives for its slots, and of the rest's own; Infinity where there is none. It goes
   * past the slots of `others` only, so it costs as much as there are of those.
   */
  nextBeside(others: ReadonlyMap<number, number>, place = 0): number {
    if (place >= this.size) return Number.POSITIVE_INFINITY;
    const slot = this.#slots[place] as number;
    let soonest = others.get(slot);
    if (soonest === undefined) return this.#times[slot] as number;
    for (let child = place * 4 + 1; child <= place * 4 + 4; child++) {
      soonest = Math.min(soonest, this.nextBeside(others, child));
    }
    return soonest;
  }

  timeOf(slot: number): number {
    return this.#times[slot] as number;
  }

  set(slot: number, time: number): void {
    if (slot >= this.#places.length) this.#grow(slot);
    this.#times[slot] = time;
    let place = this.#places[slot] as number;
    if (place === -1) {
      place = this.size++;
      this.#put(place, slot);
    }
    this.#up(place);
    this.#down(this.#places[slot] as number);
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.#places[slot] as number;
    this.#places[slot] = -1;
    const last = this.#slots[--this.size] as number;
    if (last === slot) return;
    this.#put(place, last);
    this.#up(place);
    this.#down(this.#places[last] as number);
  }

  /** Removes the soonest and returns its slot. */
  pop(): number {
    const slot = this.#slots[0] as number;
    this.delete(slot);
    return slot;
  }

  #put(place: number, slot: number): void {
    this.#slots[place] = slot;
    this.#places[slot] = place;
  }

  #up(from: number): void {
    let place = from;
    const slot = this.#slots[place] as number;
    const time = this.#times[slot] as number;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const above = this.#slots[parent] as number;
      if ((this.#times[above] as number) <= time) break;
      this.#put(place, above);
      place = parent;
    }
    this.#put(place, slot);
  }

  #down(from: number): void {
    let place = from;
    const slot = this.#slots[place] as number;
    const time = this.#times[slot] as number;
    for (;;) {
      const firstChild = place * 4 + 1;
      if (firstChild >= this.size) break;
      let soonest = firstChild;
      const end = Math.min(firstChild + 4, this.size);
      for (let child = firstChild + 1; child < end; child++) {
        if (this.#timeAt(child) < this.#timeAt(soonest)) soonest = child;
      }
      if (this.#timeAt(soonest) >= time) break;
      this.#put(place, this.#slots[soonest] as number);
      place = soonest;
    }
    this.#put(place, slot);
  }

  #timeAt(place: number): number {
    return this.#times[this.#slots[place] as number] as number;
  }

  #grow(slot: number): void {
    const length = Math.max(slot + 1, this.#places.length * 2);
    const slots = new Int32Array(length);
    const places = new Int32Array(length).fill(-1);
    const times = new Float64Array(length);
    slots.set(this.#slots);
    places.set(this.#places);
    times.set(this.#times);
    this.#slots = slots;
    this.#places = places;
    this.#times = times;
  }
}
