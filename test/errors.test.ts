import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError, type BlockedReasons } from "../src/errors.ts";

function exhausted(reasons: Partial<BlockedReasons>, retryAfterMs: number | null = null): AllKeysExhaustedError {
  const none: BlockedReasons = { limited: 0, credential: 0, disabled: 0, unsuitable: 0 };
  const retryAt = retryAfterMs === null ? null : 1_000_000 + retryAfterMs;
  return new AllKeysExhaustedError({ status: 429, retryAt, retryAfterMs, reasons: { ...none, ...reasons } });
}

describe("AllKeysExhaustedError", () => {
  it.each([
    [{ limited: 1 }, "1 cooling down or at a limit"],
    [{ credential: 1 }, "1 with a refused credential"],
    [{ credential: 2 }, "2 with refused credentials"],
    [{ disabled: 2, unsuitable: 1 }, "2 switched off, 1 not meant for this request"],
    [{}, "no keys"],
  ])("says in words why keys cannot be used: %j", (reasons, words) => {
    expect(exhausted(reasons).message).toBe(`No API key can serve this request now (${words}).`);
  });

  it("tells times in whole milliseconds, and not a fraction too early", () => {
    const error = exhausted({ limited: 1 }, 1500.2);
    expect([error.retryAfterMs, error.retryAt]).toEqual([1501, 1_001_501]);
    expect(error.message).toMatch(/ Please try again in 2s\.$/);
    expect(exhausted({ disabled: 1 })).toMatchObject({ retryAfterMs: null, retryAt: null });
  });
});
