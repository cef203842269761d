import { SlotRing } from "./slot-ring.ts";
import type { OrderingStrategy, ReadyOrder } from "./strategy.ts";

class RoundRobinOrder implements ReadyOrder {
  readonly #ring = new SlotRing();

  get size(): number {
    return this.#ring.size;
  }

  add(slot: number): void {
    this.#ring.add(slot);
  }

  remove(slot: number): void {
    this.#ring.remove(slot);
  }

  first(): number {
    return this.#ring.head;
  }

  list(max: number): number[] {
    const slots: number[] = [];
    this.#ring.collect(max, slots);
    return slots;
  }

  took(slot: number): void {
    this.#ring.turn(slot);
  }
}

/** One after the other; a key that comes back goes to the end. */
export const roundRobin: OrderingStrategy = { name: "round_robin", createOrder: () => new RoundRobinOrder() };
