import type { Random } from "../../types.ts";
import { SlotSet } from "./slot-set.ts";
import type { OrderingStrategy, ReadyOrder } from "./strategy.ts";

class RandomOrder implements ReadyOrder {
  readonly #slots = new SlotSet();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#slots.size;
  }

  add(slot: number): void {
    this.#slots.add(slot);
  }

  remove(slot: number): void {
    this.#slots.remove(slot);
  }

  first(): number {
    const size = this.#slots.size;
    return size === 0 ? -1 : this.#slots.at(Math.floor(this.#random() * size));
  }

  list(max: number): number[] {
    const size = this.#slots.size;
    const start = Math.floor(this.#random() * size);
    return Array.from({ length: Math.min(max, size) }, (_, step) => this.#slots.at((start + step) % size));
  }

  took(): void {}
}

/** Any ready key, each as likely as the other. */
export const random: OrderingStrategy = {
  name: "random",
  createOrder: (context) => new RandomOrder(context.random),
};
