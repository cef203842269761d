import { describe, expect, it } from "vitest";
import { backoffMs, pause } from "../../src/attempt/backoff.ts";
import { FakeClock } from "../../src/testing/index.ts";

describe("backoffMs", () => {
  it("doubles from half a second up to eight seconds", () => {
    const middles = [1, 2, 3, 4, 5, 6, 60].map((attempt) => backoffMs(attempt, () => 0.5));
    expect(middles).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it("spreads over a fifth to both sides", () => {
    expect(backoffMs(1, () => 0)).toBeCloseTo(400);
    expect(backoffMs(1, () => 0.999_999)).toBeCloseTo(600, 1);
  });
});

describe("pause", () => {
  it("removes its listener and its timer however it ends", async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    } as unknown as AbortSignal;
    const ended = pause(10, clock, counted);
    expect(listeners).toBe(1);
    await clock.advance(10);
    await ended;
    expect([listeners, clock.pendingTimers, signal.aborted]).toEqual([0, 0, false]);
  });

  it("rejects at once with the reason of a signal that is aborted already", async () => {
    const clock = new FakeClock();
    const reason = new Error("mine");
    await expect(pause(10, clock, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
  });
});
