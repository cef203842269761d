import { describe, expect, it } from "vitest";
import { KeyRotator, type StrategyName } from "../../../src/index.ts";
import { portOf } from "../../../src/pool/pool-port.ts";
import type { ReadyOrder } from "../../../src/pool/strategies/strategy.ts";
import { FakeClock } from "../../../src/testing/index.ts";

function rotatorOf(strategy: StrategyName, count = 3): KeyRotator {
  const keys = Array.from({ length: count }, (_, place) => ({ secret: `test-secret-of-${place}`, id: `k${place}` }));
  return new KeyRotator({ keys, strategy, clock: new FakeClock() });
}

async function use(rotator: KeyRotator, times: number): Promise<string[]> {
  const ids: string[] = [];
  for (let time = 0; time < times; time++) {
    const lease = await rotator.acquire();
    ids.push(lease.keyId);
    lease.settle({ outcome: "success" });
  }
  return ids;
}

describe("KeyRotator.useStrategy", () => {
  it("chooses by another strategy from then on", async () => {
    const rotator = rotatorOf("round_robin");
    expect(await use(rotator, 3)).toEqual(["k0", "k1", "k2"]);
    rotator.useStrategy("fill_first");
    expect(rotator.strategy).toBe("fill_first");
    expect(await use(rotator, 3)).toEqual(["k0", "k0", "k0"]);
    rotator.useStrategy({ name: "last", choose: (ready) => ready.at(-1) });
    expect(await use(rotator, 2)).toEqual(["k2", "k2"]);
  });

  it("leaves those in cooldown where they are, and switched off ones off", async () => {
    const rotator = rotatorOf("round_robin");
    await rotator.cooldown("k0", 60_000);
    rotator.disable("k1");
    rotator.useStrategy("random");
    expect(new Set(await use(rotator, 10))).toEqual(new Set(["k2"]));
  });

  it("measures latencies from the moment somebody asks for them", async () => {
    const rotator = rotatorOf("round_robin", 2);
    rotator.useStrategy("lowest_latency");
    expect((await use(rotator, 4)).length).toBe(4);
    rotator.useStrategy("least_busy");
    expect(portOf(rotator).countsToTheEnd).toBe(true);
  });

  it("refuses what is no strategy, and says which there are", () => {
    const rotator = rotatorOf("round_robin");
    expect(() => rotator.useStrategy("fastest" as never)).toThrow(/strategy.*round_robin/);
    expect(rotator.strategy).toBe("round_robin");
  });

  it("tells an order of requests that begin and end, whatever its strategy is called", async () => {
    const told: number[] = [];
    const order = (): ReadyOrder => {
      const slots: number[] = [];
      return {
        get size() {
          return slots.length;
        },
        add: (slot) => void slots.push(slot),
        remove: (slot) => void slots.splice(slots.indexOf(slot), 1),
        first: () => slots[0] ?? -1,
        list: (max) => slots.slice(0, max),
        took: () => {},
        busyChanged: (slot) => void told.push(slot),
      };
    };
    const rotator = rotatorOf("round_robin", 2);
    rotator.useStrategy({ name: "fewest_first", createOrder: order });
    const lease = await rotator.acquire();
    expect(told).toEqual([0]);
    lease.settle({ outcome: "success" });
    expect(told).toEqual([0, 0]);
    expect(portOf(rotator).countsToTheEnd).toBe(true);
    rotator.useStrategy("round_robin");
    expect(portOf(rotator).countsToTheEnd).toBe(false);
  });
});
