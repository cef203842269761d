import { SlotRing } from "./slot-ring.ts";
import type { OrderingStrategy, ReadyOrder } from "./strategy.ts";

/**
 * Of groups that are ready all the time, the least used is always served next, so their counts never differ by more than
 * one: two rings hold them. A group that comes back is counted as used as the least used one, lest all traffic fall on it.
 */
class LeastUsedOrder implements ReadyOrder {
  #behind = new SlotRing();
  #ahead = new SlotRing();
  /** Uses of a group in the `behind` ring. */
  #generation = 0;
  #uses: number[] = [];

  get size(): number {
    return this.#behind.size + this.#ahead.size;
  }

  add(slot: number): void {
    if (this.#ahead.has(slot)) return;
    if ((this.#uses[slot] ?? 0) > this.#generation) this.#ahead.add(slot);
    else this.#behind.add(slot);
  }

  remove(slot: number): void {
    this.#behind.remove(slot);
    this.#ahead.remove(slot);
  }

  first(): number {
    if (this.#behind.size === 0) {
      if (this.#ahead.size === 0) return -1;
      [this.#behind, this.#ahead] = [this.#ahead, this.#behind];
      this.#generation++;
    }
    return this.#behind.head;
  }

  list(max: number): number[] {
    const slots: number[] = [];
    if (this.first() === -1) return slots;
    this.#behind.collect(max, slots);
    this.#ahead.collect(max - slots.length, slots);
    return slots;
  }

  took(slot: number): void {
    this.#uses[slot] = this.#generation + 1;
    if (this.#ahead.has(slot)) {
      this.#ahead.turn(slot);
      return;
    }
    if (!this.#behind.has(slot)) return;
    this.#behind.remove(slot);
    this.#ahead.add(slot);
  }
}

/** The key that was given the fewest requests. */
export const leastUsed: OrderingStrategy = { name: "least_used", createOrder: () => new LeastUsedOrder() };
