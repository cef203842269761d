import { describe, expect, it } from "vitest";
import { LimitJudge, type LimitRequest, type LimitTicket, type ProviderLimit } from "../../../src/testing/index.ts";

function setUp(...limits: ProviderLimit[]) {
  const judge = new LimitJudge(limits);
  const ask = (at: number, request: Partial<LimitRequest> = {}) => judge.arrive({ key: "first", at, ...request });
  return { judge, ask };
}

describe("LimitJudge", () => {
  it("counts input and output tokens at once, each against what it is limited by", () => {
    const { ask } = setUp({ tokens: 100, per: 1_000 }, { outputTokens: 50, per: 1_000 });
    expect(ask(0, { inputTokens: 40, outputTokens: 40 }).allowed).toBe(true);
    expect(ask(1, { inputTokens: 21 })).toMatchObject({
      allowed: false,
      retryAfterMs: 999,
      by: { limit: { tokens: 100 }, dimension: "tokens", max: 100, used: 80, requested: 21 },
    });
    expect(ask(1, { outputTokens: 11 })).toMatchObject({ allowed: false, by: { dimension: "outputTokens" } });
    expect(ask(1, { inputTokens: 10, outputTokens: 10 }).allowed).toBe(true);
    expect(ask(1_000, { inputTokens: 30, outputTokens: 40 }).allowed).toBe(true);
  });

  it("frees just as many of the oldest tokens as the request needs", () => {
    const { ask } = setUp({ tokens: 100, per: 1_000 });
    for (const at of [0, 100, 200, 300]) ask(at, { inputTokens: 25 });
    expect(ask(400, { inputTokens: 25 }).retryAfterMs).toBe(600);
    expect(ask(400, { inputTokens: 26 }).retryAfterMs).toBe(700);
    expect(ask(400, { inputTokens: 100 }).retryAfterMs).toBe(900);
  });

  it("says of a request larger than the limit that waiting does not help", () => {
    const { ask } = setUp({ tokens: 10, per: 1_000 });
    expect(ask(0, { inputTokens: 11 })).toMatchObject({ allowed: false, retryAfterMs: null, by: { requested: 11 } });
  });

  it("starts an anchored window at the first use, and the next at the first use after it has ended", () => {
    const { ask } = setUp({ requests: 2, per: 1_000, window: "anchored" });
    expect([ask(500).allowed, ask(1_400).allowed]).toEqual([true, true]);
    expect(ask(1_499)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    expect([ask(1_800).allowed, ask(2_799).allowed]).toEqual([true, true]);
    expect(ask(2_799).retryAfterMs).toBe(1);
    expect(ask(2_800).allowed).toBe(true);
  });

  it("keeps a slot until the request is finished, once", () => {
    const { judge, ask } = setUp({ concurrency: 2, scope: "key" });
    const [first, second] = [ask(0), ask(0)].map((verdict) => verdict.ticket as LimitTicket);
    expect(ask(9_999_999)).toMatchObject({ allowed: false, retryAfterMs: null, by: { dimension: "concurrency" } });
    expect(ask(9_999_999, { key: "second" }).allowed).toBe(true);
    judge.finish(first as LimitTicket, 10_000_000);
    judge.finish(first as LimitTicket, 10_000_001);
    expect(first?.finishedAt).toBe(10_000_000);
    expect([ask(10_000_001).allowed, ask(10_000_001).allowed]).toEqual([true, false]);
    judge.finish(second as LimitTicket, 10_000_002);
    expect(judge.peakConcurrency({ key: "first" })).toBe(2);
    expect(judge.peakConcurrency()).toBe(3);
  });

  it("tells the peaks and refusals of every limit and subject", () => {
    const perModel: ProviderLimit = { id: "per model", requests: 2, per: 1_000, models: "*:free", perModel: true };
    const shared: ProviderLimit = { tokens: 10, per: 1_000, scope: "key" };
    const { judge, ask } = setUp(perModel, shared);
    ask(0, { account: "acme", model: "one:free", inputTokens: 4 });
    ask(0, { account: "acme", model: "one:free", inputTokens: 4 });
    ask(0, { account: "acme", model: "one:free", inputTokens: 4 });
    ask(0, { account: "acme", model: "two", inputTokens: 1, key: "second" });
    expect(judge.refusals).toBe(1);
    const subject = { account: "acme", key: undefined, model: undefined };
    expect(judge.peaks()).toEqual([
      { ...subject, limit: perModel, dimension: "requests", max: 2, model: "one:free", peak: 2, refusals: 1 },
      { ...subject, limit: shared, dimension: "tokens", max: 10, key: "first", peak: 8, refusals: 1 },
      { ...subject, limit: shared, dimension: "tokens", max: 10, key: "second", peak: 1, refusals: 0 },
    ]);
    judge.clearLog();
    expect(judge.peaks().map(({ peak, refusals }) => [peak, refusals])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(ask(1, { account: "acme", model: "one:free" }).allowed).toBe(false);
  });

  it("answers for any window, key, account and models afterwards", () => {
    const { judge, ask } = setUp();
    ask(0, { inputTokens: 5, model: "one" });
    ask(90, { inputTokens: 7, outputTokens: 1, key: "second", account: "acme", model: "two" });
    ask(100, { inputTokens: 9, model: "two" });
    expect(judge.maxInAnyWindow(100)).toBe(2);
    expect(judge.maxInAnyWindow(101)).toBe(3);
    expect(judge.maxInAnyWindow(100, { dimension: "tokens" })).toBe(17);
    expect(judge.maxInAnyWindow(100, { dimension: "tokens", account: "acme" })).toBe(8);
    expect(judge.maxInAnyWindow(1_000, { dimension: "inputTokens", key: "first" })).toBe(14);
    expect(judge.maxInAnyWindow(1_000, { models: "t*" })).toBe(2);
  });

  it("tells how far limits are used without counting anything", () => {
    const { judge, ask } = setUp({ requests: 3, per: 1_000 }, { requests: 9, models: "other" });
    ask(0);
    const standing = { limit: { requests: 3, per: 1_000 }, dimension: "requests", max: 3, used: 1, resetMs: 750 };
    for (let asked = 0; asked < 2; asked++) expect(judge.standings({ key: "first", at: 250 })).toEqual([standing]);
  });

  it("judges 100,000 arrivals in five times as long as 20,000", () => {
    const { judge, ask } = setUp(
      { requests: 5_000, tokens: 2_000_000, per: "minute" },
      { requests: 40_000, per: "day", window: "calendar", timeZone: "America/Los_Angeles" },
      { concurrency: 50 },
      { outputTokens: 1_000_000, per: 3_600_000, window: "anchored", scope: "key" },
    );
    const open: LimitTicket[] = [];
    const startedAt = performance.now();
    let firstMs = 0;
    for (let count = 0; count < 100_000; count++) {
      const { ticket } = ask(count * 4, {
        key: `key ${count % 10}`,
        account: "acme",
        inputTokens: 300,
        outputTokens: 60,
      });
      if (ticket !== undefined) open.push(ticket);
      if (open.length > 40) judge.finish(open.shift() as LimitTicket, count * 4);
      if (count === 20_000) firstMs = performance.now() - startedAt;
    }
    // Looking at all that came before would take 25 times as long.
    expect((performance.now() - startedAt) / firstMs).toBeLessThan(15);
    expect(judge.refusals).toBeGreaterThan(10_000);
    expect(judge.maxInAnyWindow(60_000)).toBe(5_000);
  });

  it.each([
    [{ at: Number.NaN }, "Expected `at` to be a finite number"],
    [{ at: 9 }, "Expected `at` to be a finite number >= 10, the time of the call before, got `9` (number)"],
    [{ at: 10, inputTokens: -1 }, "Expected `inputTokens` to be an integer >= 0, got `-1` (number)"],
    [{ at: 10, key: "" }, "Expected `key` to be a non-empty string"],
  ])("refuses the impossible request %j", (request, message) => {
    const { ask } = setUp();
    ask(10);
    expect(() => ask(10, request)).toThrow(message);
  });

  it.each([
    [{}, "Expected `limits[0].requests` to be an integer >= 1, or another of requests, tokens"],
    [{ tokens: 1.5 }, "Expected `limits[0].tokens` to be an integer >= 1, got `1.5` (number)"],
    [{ concurrency: 1, per: "minute" }, "Expected `limits[0].per` to be absent for a limit of concurrency alone"],
    [
      { requests: 1, timeZone: "UTC" },
      "Expected `limits[0].timeZone` to be absent unless the window is a calendar one",
    ],
    [{ requests: 1, window: "fixed" }, 'Expected `limits[0].window` to be one of "rolling", "calendar", "anchored"'],
    [{ requests: 1, models: [] }, "Expected `limits[0].models` to be at least one of model patterns"],
    [{ request: 1 }, "Expected `limits[0]` to have only known fields"],
  ])("refuses the impossible limit %j", (limit, message) => {
    expect(() => new LimitJudge([limit as ProviderLimit])).toThrow(message);
  });
});
