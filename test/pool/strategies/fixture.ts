import type { GroupFacts, OrderingStrategy, ReadyKey, ReadyOrder } from "../../../src/pool/strategies/strategy.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";

interface Facts {
  readonly weights?: readonly number[];
}

/** Groups whose facts a test sets as it likes. */
class Groups implements GroupFacts {
  readonly weights: number[];
  readonly busy: number[] = [];
  readonly latencies: number[] = [];
  readonly usedAt: number[] = [];

  constructor({ weights = [] }: Facts = {}) {
    this.weights = [...weights];
  }

  weight(slot: number): number {
    return this.weights[slot] ?? 1;
  }

  position(slot: number): number {
    return slot;
  }

  inFlight(slot: number): number {
    return this.busy[slot] ?? 0;
  }

  latencyMs(slot: number): number {
    return this.latencies[slot] ?? 0;
  }

  lastUsedAt(slot: number): number {
    return this.usedAt[slot] ?? 0;
  }

  view(slot: number): ReadyKey {
    return {
      id: `key-${slot}`,
      account: `account-${slot}`,
      provider: "generic",
      weight: this.weight(slot),
      priority: 0,
      note: undefined,
      batch: undefined,
      inFlight: this.inFlight(slot),
      used: 0,
    };
  }
}

export interface OrderUnderTest {
  readonly order: ReadyOrder;
  readonly groups: Groups;
  readonly clock: FakeClock;
}

/** An order with the slots from 0 to `count - 1` ready. */
export function orderOf(strategy: OrderingStrategy, count: number, facts: Facts = {}): OrderUnderTest {
  const groups = new Groups(facts);
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const order = strategy.createOrder({ groups, clock, random: seededRandom(42) });
  for (let slot = 0; slot < count; slot++) order.add(slot);
  return { order, groups, clock };
}

/** Picks and takes `count` times; returns the slots. */
export function picks({ order }: OrderUnderTest, count: number): number[] {
  return Array.from({ length: count }, () => {
    const slot = order.first();
    order.took(slot);
    return slot;
  });
}

/** How often each slot was picked. */
export function tally(slots: readonly number[], count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const slot of slots) counts[slot] = (counts[slot] as number) + 1;
  return counts;
}
