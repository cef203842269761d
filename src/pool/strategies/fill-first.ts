import type { GroupFacts, OrderingStrategy, ReadyOrder } from "./strategy.ts";

/** Bits in levels of 32: the lowest set one is found in as many steps as there are levels (four for a million). */
class LowestFirst {
  #levels: Int32Array[] = [new Int32Array(1)];

  set(bit: number): void {
    while (bit >= 32 ** this.#levels.length) {
      const top = new Int32Array(1);
      top[0] = (this.#levels[this.#levels.length - 1] as Int32Array)[0] === 0 ? 0 : 1;
      this.#levels.push(top);
    }
    let place = bit;
    for (let depth = 0; depth < this.#levels.length; depth++) {
      const word = place >>> 5;
      const level = this.#sized(depth, word);
      level[word] = (level[word] as number) | (1 << (place & 31));
      place = word;
    }
  }

  clear(bit: number): void {
    let place = bit;
    for (const level of this.#levels) {
      const word = place >>> 5;
      if (word >= level.length) return;
      level[word] = (level[word] as number) & ~(1 << (place & 31));
      if (level[word] !== 0) return;
      place = word;
    }
  }

  lowest(): number {
    let place = 0;
    for (let depth = this.#levels.length - 1; depth >= 0; depth--) {
      const bits = (this.#levels[depth] as Int32Array)[place] as number;
      if (bits === 0) return -1;
      place = place * 32 + (31 - Math.clz32(bits & -bits));
    }
    return place;
  }

  #sized(depth: number, word: number): Int32Array {
    const level = this.#levels[depth] as Int32Array;
    if (word < level.length) return level;
    const larger = new Int32Array(Math.max(word + 1, level.length * 2));
    larger.set(level);
    this.#levels[depth] = larger;
    return larger;
  }
}

class FillFirstOrder implements ReadyOrder {
  readonly #groups: GroupFacts;
  readonly #positions = new LowestFirst();
  readonly #slots: number[] = [];
  readonly #positionOf: number[] = [];
  size = 0;

  constructor(groups: GroupFacts) {
    this.#groups = groups;
  }

  add(slot: number): void {
    if ((this.#positionOf[slot] ?? -1) !== -1) return;
    const position = this.#groups.position(slot);
    this.#positions.set(position);
    this.#slots[position] = slot;
    this.#positionOf[slot] = position;
    this.size++;
  }

  remove(slot: number): void {
    const position = this.#positionOf[slot] ?? -1;
    if (position === -1) return;
    this.#positions.clear(position);
    this.#positionOf[slot] = -1;
    this.size--;
  }

  first(): number {
    if (this.size === 0) return -1;
    return this.#slots[this.#positions.lowest()] as number;
  }

  list(max: number): number[] {
    const slots: number[] = [];
    const taken: number[] = [];
    while (slots.length < max) {
      const position = this.#positions.lowest();
      if (position === -1) break;
      slots.push(this.#slots[position] as number);
      taken.push(position);
      this.#positions.clear(position);
    }
    for (const position of taken) this.#positions.set(position);
    return slots;
  }

  took(): void {}
}

/** The first key in the list that has room: later ones are touched only when it has none. Keeps prompt caches warm. */
export const fillFirst: OrderingStrategy = {
  name: "fill_first",
  createOrder: (context) => new FillFirstOrder(context.groups),
};
