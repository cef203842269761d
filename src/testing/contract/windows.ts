import type { Bucket } from "../../limits/store.ts";
import { checkEqual, checkNear } from "./assertions.ts";
import {
  anchored,
  type ContractSuite,
  type ContractWorld,
  candidate,
  rolling,
  times,
  waitAfter,
} from "./contract-world.ts";

const { windowMs, guardMs } = times;

export function rollingContract({ test }: ContractSuite): void {
  test("frees a slot a window and a guard after it was reserved, not before", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1));
    await world.granted(wanted);
    await world.freeAfter(windowMs + guardMs, wanted);
  });

  test("frees each slot at its own time", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 2));
    await world.granted(wanted);
    await world.advance(3000);
    await world.granted(wanted);
    await world.freeAfter(windowMs + guardMs - 3000, wanted);
    await world.freeAfter(3000 - world.slackMs, wanted);
  });

  test("believes headers that came sooner than the guard", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1));
    await world.settle(await world.granted(wanted), { headersAfterMs: 50 });
    await world.freeAfter(windowMs + 50, wanted);
  });

  test("waits no longer than the guard for headers that came late", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1));
    await world.settle(await world.granted(wanted), { headersAfterMs: 4000 });
    await world.freeAfter(windowMs + guardMs, wanted);
  });

  test("waits for late headers beyond the guard as far as a report allows", async (world) => {
    const [quick, slow] = [candidate("a", rolling("a#requests", 1)), candidate("b", rolling("b#requests", 1))];
    await world.settle(await world.granted(quick), { headersAfterMs: guardMs + 300, allowanceMs: 500 });
    await world.settle(await world.granted(slow), { headersAfterMs: 60_000, allowanceMs: 500 });
    await world.freeAfter(windowMs + guardMs + 300, quick);
    await world.refused(slow);
    await world.freeAfter(200, slow);
  });

  test("waits for as much as a large amount needs", async (world) => {
    const bucket = rolling("a#tokens", 10, "tokens");
    const want = (amount: number) => candidate("a", { bucket, amount });
    await world.granted(want(4));
    await world.advance(2000);
    await world.granted(want(4));
    const refusal = await world.refused(want(7));
    checkNear(waitAfter(refusal), windowMs + guardMs, world.slackMs, "the wait for seven");
    await world.granted(want(2));
    await world.freeAfter(windowMs + guardMs - 2000, want(4));
  });

  test("gives at least 95 % of the limit under saturation", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 20));
    let granted = 0;
    for (let step = 0; step < 300; step++) {
      await world.advance(100);
      for (;;) {
        const answer = await world.reserve(wanted);
        if (!answer.granted) break;
        granted++;
        await world.settle(answer, { headersAfterMs: 20 });
      }
    }
    const possible = 3 * 20;
    checkEqual(granted >= possible * 0.95, true, `${granted} of ${possible} granted, at least 95 %,`);
  });
}

export function anchoredContract({ test }: ContractSuite): void {
  test("starts at the first use and frees all at once when it ends", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 3));
    await world.advance(1234);
    await world.granted(wanted);
    await world.advance(3000);
    checkEqual(await world.room(wanted), 2, "room in the same window");
    await world.freeAfter(windowMs + guardMs - 3000, wanted);
    checkEqual(await world.room(wanted), 2, "room in the next window");
  });

  test("starts the next window at the next use, not at the end of the last one", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 1));
    await world.granted(wanted);
    await world.advance(windowMs * 1.5);
    await world.granted(wanted);
    await world.freeAfter(windowMs + guardMs, wanted);
  });

  test("gives nothing around its end, where a request could open the provider's next window unseen", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 2));
    await world.granted(wanted);
    await world.advance(windowMs - guardMs / 2);
    await world.refused(wanted);
    await world.freeAfter(guardMs * 1.5, wanted);
  });

  test("starts at the second use where the first was never sent", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 2));
    const unsent = await world.granted(wanted);
    await world.advance(3000);
    await world.settle(await world.granted(wanted));
    await world.settle(unsent, { outcome: "failure", sent: "no" });
    checkEqual(await world.room(wanted), 1, "room in the same window");
    await world.freeAfter(windowMs + guardMs, wanted);
  });

  test("waits for the last that may have started it while nobody knows which did", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 3));
    const unsent = await world.granted(wanted);
    await world.advance(2000);
    await world.granted(wanted);
    await world.advance(2000);
    await world.granted(wanted);
    await world.settle(unsent, { outcome: "failure", sent: "no" });
    await world.freeAfter(windowMs + guardMs, {
      ...wanted,
      needs: wanted.needs.map((need) => ({ ...need, amount: 2 })),
    });
  });

  test("has not started where its one use was never sent", async (world) => {
    const wanted = candidate("a", anchored("a#requests", 1));
    await world.settle(await world.granted(wanted), { outcome: "failure", sent: "no" });
    await world.advance(windowMs - guardMs / 2);
    await world.granted(wanted);
    await world.freeAfter(windowMs + guardMs, wanted);
  });
}

const calendarMs = 60_000;

/** A window that began ten seconds ago by the environment's wall clock. */
function calendar(world: ContractWorld, limit: number): Bucket {
  const start = world.clock.wall() - 10_000;
  const edges = [start, start + calendarMs, start + 2 * calendarMs] as const;
  return { id: "a#calendar", kind: "calendar", dimension: "requests", limit, guardMs, edges };
}

export function calendarContract({ test }: ContractSuite): void {
  test("gives its quota again a guard after the boundary", async (world) => {
    const wanted = candidate("a", calendar(world, 2));
    await world.granted(wanted);
    const { readyAt, reservedAt } = await world.granted(wanted);
    checkNear(readyAt - reservedAt, 50_000 + guardMs, world.slackMs, "readyAt - reservedAt of the last");
    await world.freeAfter(50_000 + guardMs, wanted);
    checkEqual(await world.room(wanted), 1, "room in the next window");
  });

  test("charges what is taken just before the boundary to both windows", async (world) => {
    const wanted = candidate("a", calendar(world, 3));
    await world.advance(50_000 - guardMs / 2);
    await world.granted(wanted);
    await world.advance(guardMs * 2);
    checkEqual(await world.room(wanted), 2, "room in the next window");
  });

  test("charges what is taken just after the boundary to both windows", async (world) => {
    const wanted = candidate("a", calendar(world, 3));
    await world.granted(wanted);
    await world.advance(50_000 + guardMs / 2);
    checkEqual(await world.room(wanted), 2, "room just after the boundary");
    await world.advance(guardMs);
    checkEqual(await world.room(wanted), 1, "room later in the window");
  });

  test("starts empty after a window nobody used", async (world) => {
    const bucket = calendar(world, 2);
    await world.granted(candidate("a", bucket));
    await world.advance(110_000 + guardMs);
    const [, , start] = bucket.edges as readonly [number, number, number];
    const edges = [start, start + calendarMs, start + 2 * calendarMs] as const;
    checkEqual(await world.room(candidate("a", { ...bucket, edges })), 2, "room");
  });

  test("goes on counting where the edges it was given are long past", async (world) => {
    const bucket = calendar(world, 2);
    await world.granted(candidate("a", bucket));
    await world.advance(10 * calendarMs);
    checkEqual(await world.room(candidate("a", bucket)), 2, "room");
    const start = (bucket.edges?.[0] as number) + 10 * calendarMs;
    const edges = [start, start + calendarMs, start + 2 * calendarMs] as const;
    await world.refused(candidate("a", { ...bucket, edges }));
    await world.freeAfter(50_000 + guardMs, candidate("a", { ...bucket, edges }));
  });

  test("gives back in the window it was taken from", async (world) => {
    const wanted = candidate("a", calendar(world, 2));
    const before = await world.granted(wanted);
    await world.advance(50_000 + guardMs);
    await world.granted(wanted);
    await world.settle(before, { outcome: "failure", sent: "no" });
    checkEqual(await world.room(wanted), 1, "room in the window it was not taken from");
  });
}
