import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../src/clock.ts";

describe("systemClock", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("keeps a delay longer than a platform timer can hold", () => {
    const called = vi.fn();
    const delayMs = 2 ** 31 + 5000;
    systemClock.timer(called, delayMs);
    vi.advanceTimersByTime(delayMs - 1);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(called).toHaveBeenCalledTimes(1);
  });

  it("cancels a long delay also after it was re-armed", () => {
    const called = vi.fn();
    const cancel = systemClock.timer(called, 2 ** 32);
    vi.advanceTimersByTime(2 ** 31 + 10);
    cancel();
    vi.advanceTimersByTime(2 ** 33);
    expect(called).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("never calls back for a delay without end", () => {
    const called = vi.fn();
    const cancel = systemClock.timer(called, Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(2 ** 34);
    expect(called).not.toHaveBeenCalled();
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});
