import { SlotSet } from "./slot-set.ts";
import type { OrderContext, OrderingStrategy, ReadyOrder } from "./strategy.ts";

/** A measurement counts half after so long, so that a key that was slow once is tried again. */
const halfLifeMs = 30_000;
/** Up to so many ready groups are all compared; among more, two drawn at random are. */
const compareAll = 4;

/**
 * Picks by time to headers, weighed with the requests in flight. With many groups, the better of two random ones: nearly
 * as good as the best, at a flat cost, and without all traffic falling on one.
 */
class LowestLatencyOrder implements ReadyOrder {
  readonly #slots = new SlotSet();
  readonly #context: OrderContext;

  constructor(context: OrderContext) {
    this.#context = context;
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
    if (size <= 1) return size === 0 ? -1 : this.#slots.at(0);
    const now = this.#context.clock.monotonic();
    if (size <= compareAll) {
      let best = this.#slots.at(0);
      for (let place = 1; place < size; place++) best = this.#better(best, this.#slots.at(place), now);
      return best;
    }
    const one = Math.floor(this.#context.random() * size);
    const step = 1 + Math.floor(this.#context.random() * (size - 1));
    return this.#better(this.#slots.at(one), this.#slots.at((one + step) % size), now);
  }

  list(max: number): number[] {
    const size = this.#slots.size;
    const first = this.first();
    if (first === -1) return [];
    const slots = [first];
    const start = Math.floor(this.#context.random() * size);
    for (let step = 0; step < size && slots.length < max; step++) {
      const slot = this.#slots.at((start + step) % size);
      if (slot !== first) slots.push(slot);
    }
    return slots;
  }

  took(): void {}

  #better(one: number, other: number, now: number): number {
    const difference = this.#cost(one, now) - this.#cost(other, now);
    if (difference !== 0) return difference < 0 ? one : other;
    const { groups } = this.#context;
    return groups.lastUsedAt(one) <= groups.lastUsedAt(other) ? one : other;
  }

  #cost(slot: number, now: number): number {
    const { groups } = this.#context;
    const idleMs = now - groups.lastUsedAt(slot);
    return groups.latencyMs(slot) * 0.5 ** (idleMs / halfLifeMs) * (1 + groups.inFlight(slot));
  }
}

/** The key whose answers begin soonest. An untried key is tried first. */
export const lowestLatency: OrderingStrategy = {
  name: "lowest_latency",
  usesLatency: true,
  createOrder: (context) => new LowestLatencyOrder(context),
};
