import { describe, expect, it } from "vitest";
import { ArrivalJudge, type JudgedRequest } from "../../src/testing/arrival-judge.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import type { ProviderLimit } from "../../src/testing/limits/provider-limit.ts";

const twentyPerTwoSeconds: ProviderLimit = { requests: 20, per: 2_000 };

function setUp(options: { wall?: string; countRefused?: boolean } = {}) {
  const clock = new FakeClock({ wall: Date.parse(options.wall ?? "2026-01-01T00:00:00Z"), monotonic: 123_456 });
  const judge = new ArrivalJudge({ clock, countRefused: options.countRefused });
  const ask = (limit: ProviderLimit, request: Partial<JudgedRequest> = {}) =>
    judge.judge({ key: "first", limits: [limit], ...request });
  return { clock, judge, ask };
}

describe("ArrivalJudge", () => {
  it("refuses the 21st of 20 per 2 s at 1,999 ms after the first and accepts it at 2,000 ms", () => {
    const { clock, ask } = setUp();
    for (let count = 0; count < 20; count++) expect(ask(twentyPerTwoSeconds).accepted).toBe(true);
    clock.advanceSync(1_999);
    expect(ask(twentyPerTwoSeconds)).toEqual({ accepted: false, retryAfterMs: 1, limit: twentyPerTwoSeconds });
    clock.advanceSync(1);
    expect(ask(twentyPerTwoSeconds)).toEqual({ accepted: true, retryAfterMs: 0 });
  });

  it("says when the next of the counted arrivals leaves the window", () => {
    const { clock, ask } = setUp();
    const limit: ProviderLimit = { requests: 3, per: 1_000 };
    for (const gap of [0, 400, 300]) {
      clock.advanceSync(gap);
      ask(limit);
    }
    clock.advanceSync(100);
    expect(ask(limit).retryAfterMs).toBe(200);
    clock.advanceSync(200);
    expect(ask(limit).accepted).toBe(true);
    expect(ask(limit).retryAfterMs).toBe(400);
  });

  it("does not count refused requests, unless told to", () => {
    const limit: ProviderLimit = { requests: 1, per: 1_000 };
    for (const countRefused of [false, true]) {
      const { clock, ask } = setUp({ countRefused });
      ask(limit);
      clock.advanceSync(600);
      expect(ask(limit).accepted).toBe(false);
      clock.advanceSync(400);
      expect(ask(limit).accepted).toBe(!countRefused);
    }
  });

  it("is not moved by a jump of the wall clock in rolling windows", () => {
    const { clock, ask } = setUp();
    const limit: ProviderLimit = { requests: 1, per: "minute" };
    ask(limit);
    clock.jumpWall(3_600_000);
    expect(ask(limit).retryAfterMs).toBe(60_000);
  });

  it("starts anew at the edge of a calendar minute", () => {
    const { clock, ask } = setUp({ wall: "2026-01-01T00:00:59.500Z" });
    const limit: ProviderLimit = { requests: 2, per: "minute", window: "calendar" };
    ask(limit);
    ask(limit);
    clock.advanceSync(499);
    expect(ask(limit)).toMatchObject({ accepted: false, retryAfterMs: 1 });
    clock.advanceSync(1);
    expect([ask(limit).accepted, ask(limit).accepted, ask(limit).accepted]).toEqual([true, true, false]);
  });

  it("follows the 23-hour day on which summer time begins in Los Angeles", () => {
    const { clock, ask } = setUp({ wall: "2026-03-08T08:00:00Z" });
    const limit: ProviderLimit = { requests: 1, per: "day", window: "calendar", timeZone: "America/Los_Angeles" };
    ask(limit);
    expect(ask(limit).retryAfterMs).toBe(23 * 3_600_000);
    clock.advanceSync(23 * 3_600_000 - 1);
    expect(ask(limit).accepted).toBe(false);
    clock.advanceSync(1);
    expect(ask(limit).accepted).toBe(true);
    expect(ask(limit).retryAfterMs).toBe(24 * 3_600_000);
  });

  it("counts keys of one account together, other accounts apart, and scope `key` by itself", () => {
    const { ask } = setUp();
    const shared: ProviderLimit = { requests: 1 };
    expect(ask(shared, { key: "first", account: "acme" }).accepted).toBe(true);
    expect(ask(shared, { key: "second", account: "acme" }).accepted).toBe(false);
    expect(ask(shared, { key: "third", account: "other" }).accepted).toBe(true);
    expect(ask({ requests: 1, scope: "key" }, { key: "second", account: "acme" }).accepted).toBe(true);
    expect(ask({ requests: 1, scope: "key" }, { key: "first", account: "acme" }).accepted).toBe(false);
  });

  it("does not mix up a key without an account with an account of the same name", () => {
    const { ask } = setUp();
    ask({ requests: 1 }, { key: "acme" });
    expect(ask({ requests: 1 }, { key: "second", account: "acme" }).accepted).toBe(true);
  });

  it("counts the models of a pattern together, and each by itself on request", () => {
    const { ask } = setUp();
    const free: ProviderLimit = { requests: 1, models: "*:free" };
    expect(ask(free, { model: "one:free" }).accepted).toBe(true);
    expect(ask(free, { model: "two:free" }).accepted).toBe(false);
    expect(ask(free, { model: "two" }).accepted).toBe(true);
    expect(ask({ ...free, perModel: true }, { model: "two:free" }).accepted).toBe(true);
    expect(ask({ ...free, perModel: true }, { model: "two:free" }).accepted).toBe(false);
  });

  it("counts nothing for any limit when one of several refuses, and names the one that lasts longest", () => {
    const { clock, judge } = setUp();
    const short: ProviderLimit = { requests: 1, per: 1_000 };
    const long: ProviderLimit = { requests: 2, per: 60_000 };
    const ask = () => judge.judge({ key: "first", limits: [short, long] });
    expect(ask().accepted).toBe(true);
    expect(ask()).toMatchObject({ limit: short, retryAfterMs: 1_000 });
    clock.advanceSync(1_000);
    expect(ask().accepted).toBe(true);
    expect(ask()).toMatchObject({ limit: long, retryAfterMs: 59_000 });
  });

  it.each([
    [{ requests: 0 }, "Expected `limit.requests` to be an integer >= 1, got `0` (number)"],
    [{ requests: 1, per: -5 }, "Expected `limit.per` to be a number > 0 or one of"],
    [{ requests: 1, per: 2_000, window: "calendar" }, "Expected `limit.per` to be one of"],
    [{ requests: 1, window: "calendar", timeZone: "Mars/Base" }, "Expected `limit.timeZone` to be an IANA time zone"],
  ] as const)("refuses the impossible limit %j", (limit, message) => {
    expect(() => setUp().ask(limit)).toThrow(message);
  });
});
