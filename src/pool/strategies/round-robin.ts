import { SlotRing } from "./slot-ring.ts";
import type { OrderingStrategy, ReadyOrder } from "./strategy.ts";

class RoundRobinOrder extends SlotRing implements ReadyOrder {
  first(): number {
    return this.head;
  }

  list(max: number): number[] {
    const slots: number[] = [];
    this.collect(max, slots);
    return slots;
  }

  took(slot: number): void {
    this.turn(slot);
  }
}

/** One after the other; a key that comes back goes to the end. */
export const roundRobin: OrderingStrategy = { name: "round_robin", createOrder: () => new RoundRobinOrder() };
