const noSlots = new Int32Array(0);
const noTimes = new Float64Array(0);

/**
 * Parked slots by the time they wake, soonest first: a heap with four children a node, in typed arrays, with each slot's
 * place kept so that a time can be changed.
 */
export class WakeHeap {
  size = 0;
  /** Time of the soonest, or Infinity. */
  nextAt = Number.POSITIVE_INFINITY;
  #slots = noSlots;
  #places = noSlots;
  #times = noTimes;
  /** Slots that wake to be probed: when one of their limits ends, and Infinity where no limit keeps them. */
  #freeAt: Map<number, number> | undefined;

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== -1;
  }

  /** The soonest, or -1. */
  get first(): number {
    return this.size === 0 ? -1 : (this.#slots[0] as number);
  }

  /** When a slot wakes; Infinity while no time is known. */
  timeOf(slot: number): number {
    return this.has(slot) ? (this.#times[slot] as number) : Number.POSITIVE_INFINITY;
  }

  /** When a slot is free again, as far as is known; Infinity: it wakes only to be probed. */
  freeAtOf(slot: number): number {
    return this.#freeAt?.get(slot) ?? this.timeOf(slot);
  }

  /** The soonest at which one is free again; those that only wake to be probed do not count. */
  nextFreeAt(): number {
    const tested = this.#freeAt;
    return tested === undefined || tested.size === 0 ? this.nextAt : this.#nextBeside(tested, 0);
  }

  /** Goes past those that are probed only, so it costs as much as there are of them. */
  #nextBeside(tested: ReadonlyMap<number, number>, place: number): number {
    if (place >= this.size) return Number.POSITIVE_INFINITY;
    const slot = this.#slots[place] as number;
    let soonest = tested.get(slot);
    if (soonest === undefined) return this.#times[slot] as number;
    for (let child = place * 4 + 1; child <= place * 4 + 4; child++) {
      soonest = Math.min(soonest, this.#nextBeside(tested, child));
    }
    return soonest;
  }

  /** @param freeAt when it is free again, where that is not the time it wakes */
  set(slot: number, time: number, freeAt = time): void {
    if (slot >= this.#places.length) this.#grow(slot);
    this.#times[slot] = time;
    let place = this.#places[slot] as number;
    if (place === -1) {
      place = this.size++;
      this.#put(place, slot);
    }
    this.#up(place);
    this.#down(this.#places[slot] as number);
    this.nextAt = this.#times[this.#slots[0] as number] as number;
    if (freeAt === time) this.#freeAt?.delete(slot);
    else {
      this.#freeAt ??= new Map();
      this.#freeAt.set(slot, freeAt);
    }
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.#places[slot] as number;
    this.#places[slot] = -1;
    this.#freeAt?.delete(slot);
    const last = this.#slots[--this.size] as number;
    if (last !== slot) {
      this.#put(place, last);
      this.#up(place);
      this.#down(this.#places[last] as number);
    }
    this.nextAt = this.size === 0 ? Number.POSITIVE_INFINITY : (this.#times[this.#slots[0] as number] as number);
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
    const length = Math.max(slot + 1, this.#places.length * 2, 8);
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
