import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromChoice } from "../../../src/pool/strategies/choosing.ts";
import { fillFirst } from "../../../src/pool/strategies/fill-first.ts";
import { leastBusy } from "../../../src/pool/strategies/least-busy.ts";
import { leastUsed } from "../../../src/pool/strategies/least-used.ts";
import { lowestLatency } from "../../../src/pool/strategies/lowest-latency.ts";
import { random } from "../../../src/pool/strategies/random.ts";
import { roundRobin } from "../../../src/pool/strategies/round-robin.ts";
import { weighted } from "../../../src/pool/strategies/weighted.ts";
import { orderOf } from "./fixture.ts";

const last = fromChoice({ name: "last", choose: (ready) => ready.at(-1) }, () => {});
const strategies = [roundRobin, random, weighted, leastUsed, fillFirst, leastBusy, lowestLatency, last];

const slot = fc.integer({ min: 0, max: 40 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant("add" as const), slot }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("remove" as const), slot }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("take" as const), slot }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("takeAny" as const), slot }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("busy" as const), slot }) },
);

describe.each(strategies.map((strategy) => [strategy.name, strategy] as const))("%s", (_, strategy) => {
  it("always names a ready slot and knows how many there are, whatever comes and goes", () => {
    const weights = Array.from({ length: 41 }, (_, place) => 0.5 + (place % 7));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { order, groups } = orderOf(strategy, 0, { weights });
        const ready = new Set<number>();
        for (const { does, slot } of steps) {
          if (does === "add") {
            order.add(slot);
            ready.add(slot);
          } else if (does === "remove") {
            order.remove(slot);
            ready.delete(slot);
          } else if (does === "take" && order.first() !== -1) order.took(order.first());
          else if (does === "takeAny") order.took(slot);
          else if (does === "busy") {
            groups.busy[slot] = (groups.busy[slot] ?? 0) + 1;
            order.busyChanged?.(slot);
          }
          expect(order.size).toBe(ready.size);
          const first = order.first();
          expect(ready.size === 0 ? first === -1 : ready.has(first)).toBe(true);
          const listed = order.list(5);
          expect(listed).toHaveLength(Math.min(5, ready.size));
          expect(new Set(listed).size).toBe(listed.length);
          expect(listed.every((each) => ready.has(each))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});
