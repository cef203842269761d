import { describe, expect, it } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";

describe("FakeClock", () => {
  it("stands still until it is advanced", async () => {
    const clock = new FakeClock({ wall: 1_000, monotonic: 50 });
    await clock.advance(0);
    expect([clock.wall(), clock.monotonic()]).toEqual([1_000, 50]);
    await clock.advance(25);
    expect([clock.wall(), clock.monotonic()]).toEqual([1_025, 75]);
  });

  it("fires timers in the order they are due, each at its own time", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name} at ${clock.monotonic()}`);
    clock.timer(note("late"), 300);
    clock.timer(note("early"), 100);
    clock.timer(note("early too"), 100);
    clock.timer(note("not yet"), 301);
    await clock.advance(300);
    expect(fired).toEqual(["early at 100", "early too at 100", "late at 300"]);
    expect(clock.pendingTimers).toBe(1);
  });

  it("lets promises settle between timers, so that a timer armed by one of them fires in the same advance", async () => {
    const clock = new FakeClock();
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.timer(resolve, ms));
    const wokenAt: number[] = [];
    const work = (async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(100);
        await Promise.resolve();
        wokenAt.push(clock.monotonic());
      }
    })();
    await clock.advance(1_000);
    await work;
    expect(wokenAt).toEqual([100, 200, 300]);
  });

  it("does not fire a timer that was cancelled", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const cancel = clock.timer(() => fired.push("cancelled"), 10);
    clock.timer(() => cancel(), 5);
    await clock.advance(100);
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("keeps a delay longer than the platform's timers can hold", async () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    clock.timer(() => fired.push(clock.monotonic()), 2 ** 31 + 5);
    await clock.advance(2 ** 31 + 4);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired).toEqual([2 ** 31 + 5]);
  });

  it("jumps the wall without moving monotonic time or firing timers", () => {
    const clock = new FakeClock({ wall: 5_000 });
    clock.timer(() => expect.unreachable(), 10);
    clock.jumpWall(60_000);
    clock.jumpWall(-10_000);
    expect([clock.wall(), clock.monotonic(), clock.pendingTimers]).toEqual([55_000, 0, 1]);
  });

  it("advances synchronously on request", () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    clock.timer(() => fired.push(clock.monotonic()), 7);
    clock.advanceSync(10);
    expect(fired).toEqual([7]);
    expect(clock.monotonic()).toBe(10);
  });

  it("refuses to go back", async () => {
    await expect(new FakeClock().advance(-1)).rejects.toThrow("Expected `ms` to be a number >= 0, got `-1`");
  });
});
