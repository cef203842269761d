import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WakeHeap } from "../../../src/pool/ready/wake-heap.ts";

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("set" as const), slot: fc.nat(60), time: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("delete" as const), slot: fc.nat(60), time: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("pop" as const), slot: fc.nat(60), time: fc.constant(0) }) },
);

describe("WakeHeap", () => {
  it("always knows the soonest, whatever is set, moved and deleted", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new WakeHeap();
        const naive = new Map<number, number>();
        for (const { does, slot, time } of steps) {
          if (does === "set") {
            heap.set(slot, time);
            naive.set(slot, time);
          } else if (does === "delete") {
            heap.delete(slot);
            naive.delete(slot);
          } else if (naive.size > 0) {
            const soonest = Math.min(...naive.values());
            const popped = heap.pop();
            expect(naive.get(popped)).toBe(soonest);
            naive.delete(popped);
          }
          expect(heap.size).toBe(naive.size);
          expect(heap.nextAt).toBe(Math.min(Number.POSITIVE_INFINITY, ...naive.values()));
          expect(heap.has(slot)).toBe(naive.has(slot));
        }
      }),
    );
  });

  it("gives everything back in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e9 }), { maxLength: 300 }), (times) => {
        const heap = new WakeHeap();
        for (const [slot, time] of times.entries()) heap.set(slot, time);
        const popped = times.map(() => times[heap.pop()]);
        expect(popped).toEqual([...times].sort((a, b) => a - b));
      }),
    );
  });

  it("waits for nobody when it is empty", () => {
    const heap = new WakeHeap();
    expect([heap.nextAt, heap.size, heap.has(1000)]).toEqual([Number.POSITIVE_INFINITY, 0, false]);
  });
});
