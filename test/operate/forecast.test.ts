import { describe, expect, it } from "vitest";
import { ok, post, rig } from "../fetch/fixture.ts";

const target = "https://api.example.test/v1/x";

describe("KeyRotator.forecast", () => {
  it("tells what is left, over all accounts and for each, and when the next is free", async () => {
    const { fetch, rotator, clock } = rig(ok, {
      keyCount: 3,
      limits: [{ requests: 10, per: "minute" }, { concurrency: 2 }],
    });
    for (let count = 0; count < 6; count++) await (await fetch(target, post())).text();
    await clock.advance(20_000);
    const { limits, dryInMs } = await rotator.forecast();
    const [requests, concurrency] = limits;
    expect(requests).toMatchObject({ id: "requests-minute-rolling", limit: 30, left: 24, perMinute: 6, dryInMs: null });
    expect(requests?.nextResetInMs).toBeGreaterThanOrEqual(40_000);
    expect(requests?.accounts.map(({ left, keyId }) => [left, keyId])).toEqual([
      [8, null],
      [8, null],
      [8, null],
    ]);
    expect(concurrency).toMatchObject({ dimension: "concurrency", limit: 6, left: 6, perMinute: null, dryInMs: null });
    expect(dryInMs).toBeNull();
  });

  it("tells when a day's quota is used up at the present rate, unless the day is over before", async () => {
    const { fetch, rotator, clock } = rig(ok, {
      keyCount: 2,
      limits: [{ requests: 100, per: "day", window: "calendar" }],
    });
    const hourMs = 3_600_000;
    const sinceMidnight = clock.wall() % (24 * hourMs);
    await clock.advance(24 * hourMs - sinceMidnight + 6 * hourMs);
    for (let count = 0; count < 80; count++) await fetch(target, post());
    // 80 in six hours: the other 120 last nine more, and the day eighteen.
    const { dryInMs, limits } = await rotator.forecast();
    expect((dryInMs ?? 0) / hourMs).toBeCloseTo(9, 1);
    expect(limits[0]?.perMinute).toBeCloseTo(80 / 360, 2);
    await clock.advance(12 * hourMs);
    expect((await rotator.forecast()).dryInMs).toBeNull();
  });

  it("tells each model apart where its limit does, and groups where they share one", async () => {
    const { fetch, rotator } = rig(ok, {
      keyCount: 1,
      limits: [
        { requests: 5, perModel: true },
        { requests: 3, per: "hour", models: "*:free" },
      ],
    });
    for (const model of ["a:free", "b:free", "c"]) await fetch(target, post(JSON.stringify({ model })));
    const { limits } = await rotator.forecast();
    expect(limits.map(({ models, model, left }) => [models, model, left])).toEqual([
      [null, "a:free", 4],
      [null, "b:free", 4],
      [null, "c", 4],
      [["*:free"], null, 1],
    ]);
  });

  it("says at once that nothing is left", async () => {
    const { fetch, rotator } = rig(ok, { keyCount: 1, limits: [{ requests: 2, per: "hour" }], maxWaitMs: 0 });
    for (let count = 0; count < 3; count++) await fetch(target, post());
    expect((await rotator.forecast()).dryInMs).toBe(0);
  });

  it("has nothing to tell where no limit is declared", async () => {
    expect(await rig(ok).rotator.forecast()).toEqual({ limits: [], dryInMs: null });
  });
});
