import { SlotRing } from "./slot-ring.ts";
import type { GroupFacts, OrderingStrategy, ReadyOrder } from "./strategy.ts";

/** One ring for every number of requests in flight; the lowest non-empty one is served, oldest first. */
class LeastBusyOrder implements ReadyOrder {
  readonly #groups: GroupFacts;
  readonly #rings: SlotRing[] = [];
  #ringOf: number[] = [];
  #lowest = 0;
  size = 0;

  constructor(groups: GroupFacts) {
    this.#groups = groups;
  }

  add(slot: number): void {
    if ((this.#ringOf[slot] ?? -1) !== -1) return;
    this.#place(slot, this.#groups.inFlight(slot));
    this.size++;
  }

  remove(slot: number): void {
    const ring = this.#ringOf[slot] ?? -1;
    if (ring === -1) return;
    this.#rings[ring]?.remove(slot);
    this.#ringOf[slot] = -1;
    this.size--;
  }

  first(): number {
    if (this.size === 0) return -1;
    while (this.#rings[this.#lowest] === undefined || this.#rings[this.#lowest]?.size === 0) this.#lowest++;
    return (this.#rings[this.#lowest] as SlotRing).head;
  }

  list(max: number): number[] {
    const slots: number[] = [];
    if (this.first() === -1) return slots;
    for (let ring = this.#lowest; ring < this.#rings.length && slots.length < max; ring++) {
      this.#rings[ring]?.collect(max - slots.length, slots);
    }
    return slots;
  }

  took(slot: number): void {
    const ring = this.#ringOf[slot] ?? -1;
    if (ring !== -1) this.#rings[ring]?.turn(slot);
  }

  busyChanged(slot: number): void {
    const ring = this.#ringOf[slot] ?? -1;
    if (ring === -1) return;
    this.#rings[ring]?.remove(slot);
    this.#place(slot, this.#groups.inFlight(slot));
  }

  #place(slot: number, busy: number): void {
    let ring = this.#rings[busy];
    if (ring === undefined) {
      ring = new SlotRing();
      this.#rings[busy] = ring;
    }
    ring.add(slot);
    this.#ringOf[slot] = busy;
    if (busy < this.#lowest) this.#lowest = busy;
  }
}

/** The key with the fewest requests in flight. */
export const leastBusy: OrderingStrategy = {
  name: "least_busy",
  createOrder: (context) => new LeastBusyOrder(context.groups),
};
