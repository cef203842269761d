import { SlotRing } from "./slot-ring.ts";
import type { GroupFacts, OrderingStrategy, ReadyOrder } from "./strategy.ts";

/** Groups whose weights lie between 2^n and 2^(n+1), and where their turn among the classes stands. */
class WeightClass {
  readonly ring = new SlotRing();
  readonly ceiling: number;
  totalWeight = 0;
  /** Virtual time of the class's next turn: it moves by 1 / totalWeight a turn, so heavy classes come round sooner. */
  turnAt = 0;

  constructor(ceiling: number) {
    this.ceiling = ceiling;
  }
}

/**
 * Exact shares at a flat cost: classes of similar weight take turns by virtual time, and within a class, where no weight
 * is below half of another, a deficit counter skips a light group on part of its visits. Deterministic and smooth
 * (weights 5, 1, 1 give a a b a a a c, never five a in a row).
 */
class WeightedOrder implements ReadyOrder {
  readonly #groups: GroupFacts;
  readonly #classes: WeightClass[] = [];
  #classOf: (WeightClass | undefined)[] = [];
  #weights: number[] = [];
  #credits: number[] = [];
  #clock = 0;
  size = 0;

  constructor(groups: GroupFacts) {
    this.#groups = groups;
  }

  add(slot: number): void {
    if (this.#classOf[slot] !== undefined) return;
    const weight = this.#groups.weight(slot);
    const weightClass = this.#classFor(weight);
    if (weightClass.ring.size === 0) {
      weightClass.turnAt = Math.max(weightClass.turnAt, this.#clock + 1 / weight);
    } else this.#rescale(weightClass, weightClass.totalWeight + weight);
    weightClass.totalWeight += weight;
    weightClass.ring.add(slot);
    this.#classOf[slot] = weightClass;
    this.#weights[slot] = weight;
    this.#credits[slot] = 0;
    this.size++;
  }

  remove(slot: number): void {
    const weightClass = this.#classOf[slot];
    if (weightClass === undefined) return;
    weightClass.ring.remove(slot);
    // Rounding must not leave a class of nobody with a weight.
    if (weightClass.ring.size === 0) weightClass.totalWeight = 0;
    else {
      const left = weightClass.totalWeight - (this.#weights[slot] as number);
      this.#rescale(weightClass, left);
      weightClass.totalWeight = left;
    }
    this.#classOf[slot] = undefined;
    this.size--;
  }

  first(): number {
    if (this.size === 0) return -1;
    const weightClass = this.#nextClass();
    const ring = weightClass.ring;
    let slot = ring.head;
    // At most two visits a group: every visit adds at least half a credit.
    for (;;) {
      const credit = (this.#credits[slot] as number) + (this.#weights[slot] as number) / weightClass.ceiling;
      if (credit >= 1 || ring.size === 1) return slot;
      this.#credits[slot] = credit;
      ring.turn(slot);
      slot = ring.head;
    }
  }

  list(max: number): number[] {
    const first = this.first();
    if (first === -1) return [];
    const slots = [first];
    for (const weightClass of [...this.#classes].sort((a, b) => a.turnAt - b.turnAt)) {
      const found: number[] = [];
      weightClass.ring.collect(max, found);
      for (const slot of found) if (slot !== first && slots.length < max) slots.push(slot);
    }
    return slots;
  }

  took(slot: number): void {
    const weightClass = this.#classOf[slot];
    if (weightClass === undefined) return;
    const credit = (this.#credits[slot] as number) + (this.#weights[slot] as number) / weightClass.ceiling;
    this.#credits[slot] = Math.max(0, credit - 1);
    weightClass.ring.turn(slot);
    this.#clock = weightClass.turnAt;
    weightClass.turnAt += 1 / weightClass.totalWeight;
  }

  /** What is left of the way to a class's turn shrinks as its weight grows. */
  #rescale(weightClass: WeightClass, totalWeight: number): void {
    weightClass.turnAt = this.#clock + ((weightClass.turnAt - this.#clock) * weightClass.totalWeight) / totalWeight;
  }

  #nextClass(): WeightClass {
    let best: WeightClass | undefined;
    for (const candidate of this.#classes) {
      if (candidate.ring.size > 0 && (best === undefined || candidate.turnAt < best.turnAt)) best = candidate;
    }
    return best as WeightClass;
  }

  #classFor(weight: number): WeightClass {
    const ceiling = 2 ** Math.ceil(Math.log2(weight));
    let found = this.#classes.find((candidate) => candidate.ceiling === ceiling);
    if (found === undefined) {
      found = new WeightClass(ceiling);
      this.#classes.push(found);
    }
    return found;
  }
}

/** In proportion to `weight`, spread evenly. An account's weight is the largest of its keys'. */
export const weighted: OrderingStrategy = {
  name: "weighted",
  createOrder: (context) => new WeightedOrder(context.groups),
};
