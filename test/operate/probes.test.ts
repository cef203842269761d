import { describe, expect, it } from "vitest";
import { limited, networkError, ok, origin, post, refusal, rig, type Sent } from "../fetch/fixture.ts";

const target = `${origin}/v1/chat`;
const minuteMs = 60_000;
const isProbe = ({ url }: Sent): boolean => url.endsWith("/models");

describe("what a probe proves", () => {
  it("ends no cooldown of a refused credential by a path that everybody may read, and says so once", async () => {
    const { fetch, rotator, sent, clock } = rig(
      (one) => (isProbe(one) || one.key !== 0 ? ok() : refusal(401, "invalid_api_key")),
      { healthCheck: { intervalMs: 30_000, path: "/models" } },
    );
    const told: string[] = [];
    rotator.on("probe-proves-nothing", ({ path }) => told.push(path));
    for (let step = 0; step < 720; step++) {
      expect((await fetch(target, post())).status).toBe(200);
      await clock.advance(5_000);
    }
    expect(sent.filter((one) => !isProbe(one) && one.key === 0).length).toBeLessThan(20);
    expect(told).toEqual(["/models"]);
    expect((await rotator.check({ path: "/models" })).keys[0]?.verdict).toBe("refused");
    await rotator.close();
  });

  it("ends it by a path that refused the credential before", async () => {
    let isRefused = true;
    const { fetch, rotator, keysUsed, sent, clock } = rig(({ key }) =>
      key === 0 && isRefused ? refusal(401, "invalid_api_key") : ok(),
    );
    await fetch(target, post());
    expect((await rotator.check({ path: "/models" })).keys[0]?.verdict).toBe("refused");
    isRefused = false;
    await clock.advance(1_000);
    expect((await rotator.check({ path: "/models" })).good).toBe(2);
    sent.length = 0;
    for (let call = 0; call < 4; call++) await fetch(target, post());
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });

  it.each([
    ["a limit of its account", () => limited({ "retry-after": "432000" }), "limited"],
    ["a spent balance", () => refusal(429, "insufficient_quota"), "no_quota"],
  ])("calls no key good that %s keeps from serving", async (_, answer, verdict) => {
    let isOut = true;
    const { fetch, rotator, clock } = rig((one) => (isOut && !isProbe(one) ? answer() : ok()), {
      provider: "openai",
      keyCount: 1,
      maxWaitMs: 0,
    });
    await fetch(target, post());
    isOut = false;
    await clock.advance(10 * minuteMs);
    const report = await rotator.recheck();
    expect(report).toMatchObject({
      good: 0,
      keys: [{ verdict, status: 200, message: expect.stringContaining("cooldown") }],
    });
  });

  it("ends even a stated limit by a request that was served", async () => {
    let isOut = true;
    const { fetch, rotator, clock } = rig(() => (isOut ? limited({ "retry-after": "432000" }) : ok()), {
      provider: "openai",
      keyCount: 1,
      maxWaitMs: 0,
    });
    expect((await fetch(target, post())).status).toBe(429);
    isOut = false;
    await clock.advance(1_000);
    const probe = { method: "POST", path: "/v1/chat", body: '{"model":"m"}' } as const;
    expect((await rotator.check(probe)).good).toBe(1);
    expect((await fetch(target, post())).status).toBe(200);
  });

  it("ends nothing that an operator set", async () => {
    const { fetch, rotator } = rig(ok, { keyCount: 1, maxWaitMs: 0 });
    const id = (await rotator.snapshot()).keys[0]?.id as string;
    await rotator.cooldown(id, 60 * minuteMs);
    await rotator.check({ method: "POST", path: "/v1/chat", body: "{}" });
    expect((await fetch(target, post())).status).toBe(429);
  });

  it.each([
    ["is_available", { is_available: false, balance_infos: [{ total_balance: "0.00" }] }],
    ["what remains", { data: { limit: 10, limit_remaining: 0 } }],
    ["a negative balance", { code: 0, data: { available_balance: -0.5 } }],
    ["a negative balance in text", { data: { totalBalance: "-1.25" } }],
  ])("finds no quota where a good answer says so: %s", async (_, body) => {
    const { rotator } = rig(() => Response.json(body), { keyCount: 1 });
    expect((await rotator.check({ path: "/balance" })).keys[0]).toMatchObject({ verdict: "no_quota", status: 200 });
  });

  it.each([
    { is_available: true, balance_infos: [{ total_balance: "12.00" }] },
    { data: { limit: null, limit_remaining: null, usage: 3 } },
    { data: { balance: "0", chargeBalance: "88.00", totalBalance: "88.00" } },
  ])("takes %j for good", async (body) => {
    const { rotator } = rig(() => Response.json(body), { keyCount: 1 });
    expect((await rotator.check({ path: "/balance" })).good).toBe(1);
  });
});

it("tells an outage once a round of probes, not once a key", async () => {
  const { rotator, clock } = rig(
    () => {
      throw networkError("ECONNREFUSED");
    },
    { keyCount: 5, healthCheck: { intervalMs: 60_000, path: "/models" } },
  );
  let told = 0;
  rotator.on("key-cooled", ({ scope }) => {
    if (scope.startsWith("provider:")) told++;
  });
  for (let step = 0; step < 200; step++) await clock.advance(1_000);
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThanOrEqual(4);
  await rotator.close();
});
