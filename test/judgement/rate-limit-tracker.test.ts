import { describe, expect, it } from "vitest";
import { InvalidOptionsError, type Limit, MemoryStore, RateLimitTracker } from "../../src/index.ts";
import { FakeClock } from "../../src/testing/index.ts";

const minute = 60_000;

function world(limits: readonly Limit[], guardMs = 0): { clock: FakeClock; tracker: RateLimitTracker } {
  const clock = new FakeClock();
  return { clock, tracker: new RateLimitTracker({ limits, clock, guardMs }) };
}

describe("RateLimitTracker", () => {
  it("grants what a limit allows, says when there is room again, and grants it then", async () => {
    const { clock, tracker } = world([{ requests: 2, per: "minute" }]);
    for (let turn = 0; turn < 2; turn++) {
      const taken = await tracker.reserve();
      expect(taken.granted).toBe(true);
      if (taken.granted) await taken.settle();
    }
    const refused = await tracker.reserve();
    expect(refused).toEqual({ granted: false, by: "requests-minute-rolling", retryInMs: minute });
    await clock.advance(minute);
    expect((await tracker.reserve()).granted).toBe(true);
  });

  it("takes from all limits or from none", async () => {
    const { tracker } = world([{ requests: 10 }, { tokens: 1000 }]);
    expect(await tracker.reserve({ tokens: { input: 400, output: 500 } })).toMatchObject({ granted: true });
    const refused = await tracker.reserve({ tokens: { input: 100, output: 100 } });
    expect(refused).toMatchObject({ granted: false, by: "tokens-minute-rolling" });
    expect((await tracker.left()).map(({ id, used, left }) => [id, used, left])).toEqual([
      ["requests-minute-rolling", 1, 9],
      ["tokens-minute-rolling", 900, 100],
    ]);
  });

  it("counts what was used in place of what was expected, and nothing for what was never sent", async () => {
    const { tracker } = world([{ requests: 10 }, { tokens: 1000 }]);
    const taken = await tracker.reserve({ tokens: { input: 400, output: 500 } });
    if (taken.granted) await taken.settle({ usage: { inputTokens: 380, outputTokens: 20 } });
    const unsent = await tracker.reserve({ tokens: { input: 100, output: 100 } });
    if (unsent.granted) await unsent.settle({ sent: false });
    expect((await tracker.left()).map(({ used }) => used)).toEqual([1, 400]);
  });

  it("keeps accounts, models and names with odd signs apart", async () => {
    const { tracker } = world([
      { requests: 1, perModel: true },
      { id: "a#b|c", requests: 5 },
    ]);
    for (const account of ["team#1", "team#1|x", "team"]) {
      for (const model of ["m", "n"]) expect((await tracker.reserve({ account, model })).granted).toBe(true);
      const refused = await tracker.reserve({ account, model: "m" });
      expect(refused).toMatchObject({ granted: false, by: "requests-minute-rolling-each" });
      const left = await tracker.left({ account, model: "n" });
      expect(left.map((each) => [each.id, each.model, each.left])).toEqual([
        ["requests-minute-rolling-each", "n", 0],
        ["a#b|c", null, 3],
      ]);
    }
  });

  it("has a place again when a request under way ends", async () => {
    const { clock, tracker } = world([{ concurrency: 1 }]);
    const first = await tracker.reserve();
    expect(await tracker.reserve()).toEqual({ granted: false, by: "concurrency", retryInMs: null });
    if (first.granted) await first.settle();
    await clock.advance(1);
    expect((await tracker.reserve()).granted).toBe(true);
  });

  it.each([
    ["Retry-After", { "retry-after": "7" }, 7000],
    [
      "a counter with nothing left",
      { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s" },
      3000,
    ],
    ["Headers of a response", new Headers({ "Retry-After-Ms": "250" }), 250],
  ])("grants an account nothing for as long as %s says", async (_name, headers, forMs) => {
    const { clock, tracker } = world([{ requests: 100 }]);
    expect(await tracker.feed(headers, { account: "a" })).toBe(forMs);
    expect(await tracker.reserve({ account: "a" })).toEqual({ granted: false, by: "headers", retryInMs: forMs });
    expect((await tracker.reserve({ account: "b" })).granted).toBe(true);
    await clock.advance(forMs);
    expect((await tracker.reserve({ account: "a" })).granted).toBe(true);
  });

  it("takes nothing from headers that say there is some left, or say nothing", async () => {
    const { tracker } = world([{ requests: 100 }]);
    const some = { "x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "3s" };
    expect(await tracker.feed(some)).toBeNull();
    expect(await tracker.feed({ "content-type": "text/plain" })).toBeNull();
    expect((await tracker.reserve()).granted).toBe(true);
  });

  it("follows the calendar", async () => {
    const { clock, tracker } = world([{ requests: 1, per: "day", window: "calendar", timeZone: "UTC" }]);
    expect((await tracker.reserve()).granted).toBe(true);
    const refused = await tracker.reserve();
    const waitMs = refused.granted ? 0 : (refused.retryInMs ?? 0);
    expect(waitMs).toBeGreaterThan(0);
    await clock.advance(waitMs);
    expect((await tracker.reserve()).granted).toBe(true);
  });

  it("shares what is left over a store", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const [one, other] = [1, 2].map(() => new RateLimitTracker({ limits: [{ requests: 1 }], clock, store }));
    expect((await one?.reserve())?.granted).toBe(true);
    expect((await other?.reserve())?.granted).toBe(false);
  });

  it.each([
    ["limits", { limits: [] }],
    ["limits[0]", { limits: [{}] }],
    ["guardMs", { limits: [{ requests: 1 }], guardMs: -1 }],
    ["leaseMs", { limits: [{ requests: 1 }], leaseMs: 0 }],
    ["store", { limits: [{ requests: 1 }], store: {} }],
    ["clock", { limits: [{ requests: 1 }], clock: {} }],
    ["options", { limits: [{ requests: 1 }], limit: 1 }],
  ])("names %s when it cannot work", (field, options) => {
    const made = (): unknown => new RateLimitTracker(options as never);
    expect(made).toThrow(InvalidOptionsError);
    expect(made).toThrow(`\`${field}`);
  });

  it.each([
    ["account", { account: "" }],
    ["model", { model: 4 }],
    ["tokens.input", { tokens: { input: -1 } }],
    ["use", { acount: "a" }],
  ])("names %s of a use that cannot be one", async (field, use) => {
    const { tracker } = world([{ requests: 1 }]);
    await expect(tracker.reserve(use as never)).rejects.toThrow(`\`${field}`);
  });
});
