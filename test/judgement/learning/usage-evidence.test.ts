import { describe, expect, it } from "vitest";
import { limited, ok, post, rig } from "../../fetch/fixture.ts";

const target = "https://api.example.test/v1/x";

/** Accounts that share one counter of 18 requests a minute, or have one of 9 each. */
function pool(keyCount: number, isShared: boolean) {
  const used = new Map<number, number>();
  const world = rig(
    ({ key }) => {
      const counter = isShared ? 0 : key;
      const count = used.get(counter) ?? 0;
      if (count >= (isShared ? 18 : 9)) return limited({ "retry-after": "30" });
      used.set(counter, count + 1);
      return ok();
    },
    { provider: "openai", keyCount, maxWaitMs: 0 },
  );
  const joined: unknown[] = [];
  world.rotator.on("accounts-joined", (event) => joined.push(event));
  return { ...world, joined };
}

describe("UsageEvidence", () => {
  it("joins an account refused after little use with the one that had used the quota up", async () => {
    const { fetch, rotator, joined } = pool(2, true);
    const [first, second] = (await rotator.snapshot()).keys.map(({ id }) => id) as [string, string];
    rotator.disable(second);
    for (let count = 0; count < 16; count++) await fetch(target, post());
    rotator.enable(second);
    for (let count = 0; count < 4; count++) await fetch(target, post());
    expect(joined).toEqual([{ evidence: "refused together after 2 and 18 requests", accounts: [second, first] }]);
    expect((await rotator.snapshot()).inferredAccounts).toHaveLength(1);
  });

  it("has the other one come last while one is used up, until it works meanwhile", async () => {
    let refused = new Set([0, 1]);
    const { fetch, rotator, clock, sent, keysUsed } = rig(
      ({ key }) => (refused.has(key) ? limited({ "retry-after": "30" }) : ok()),
      { provider: "openai", keyCount: 3, maxWaitMs: 0 },
    );
    const told: string[] = [];
    rotator.on("accounts-joined", ({ evidence }) => told.push(evidence));
    rotator.on("accounts-parted", () => told.push("parted"));
    const [, second, third] = (await rotator.snapshot()).keys.map(({ id }) => id) as [string, string, string];
    refused = new Set();
    rotator.disable(second);
    rotator.disable(third);
    for (let count = 0; count < 12; count++) await fetch(target, post());
    rotator.enable(second);
    refused = new Set([0, 1]);
    await fetch(target, post());
    await fetch(target, post());
    expect(told).toHaveLength(1);

    rotator.enable(third);
    await clock.advance(70_000);
    refused = new Set([0]);
    sent.length = 0;
    for (let count = 0; count < 6; count++) await fetch(target, post());
    const afterRefusal = keysUsed().slice(keysUsed().indexOf(0) + 1);
    expect(afterRefusal.length).toBeGreaterThan(2);
    expect(new Set(afterRefusal)).toEqual(new Set([2]));

    rotator.disable(third);
    await clock.advance(1);
    expect((await fetch(target, post())).status).toBe(200);
    expect(told[1]).toBe("parted");
  });

  it("never joins ten equal keys that run dry in the same second", async () => {
    const { fetch, rotator, joined } = pool(10, false);
    for (let count = 0; count < 120; count++) await fetch(target, post());
    expect(joined).toEqual([]);
    expect((await rotator.snapshot()).inferredAccounts).toEqual([]);
  });

  it("does not join accounts of unlike size when the larger one works on", async () => {
    const sizes = [3, 100];
    const used = [0, 0];
    const { fetch, rotator } = rig(
      ({ key }) => {
        used[key] = (used[key] as number) + 1;
        return (used[key] as number) > (sizes[key] as number) ? limited({ "retry-after": "30" }) : ok();
      },
      { provider: "openai", maxWaitMs: 0 },
    );
    const joined: unknown[] = [];
    rotator.on("accounts-joined", (event) => joined.push(event));
    for (let count = 0; count < 80; count++) await fetch(target, post());
    expect(joined).toEqual([]);
  });

  it("joins accounts whose counter falls by the other's use, and parts them when one works while the other is used up", async () => {
    let left = 1000;
    let dry = -1;
    const counted = (): Response =>
      Response.json(
        {},
        { headers: { "x-ratelimit-remaining-requests": String(left), "x-ratelimit-reset-requests": "6m0s" } },
      );
    const { fetch, rotator, clock } = rig(
      ({ key }) => {
        if (key === dry) return limited({ "retry-after": "30" });
        left--;
        return counted();
      },
      {
        provider: {
          name: "mine",
          sharedBy: "account",
          origins: [],
          credential: { header: "authorization", scheme: "Bearer" },
          headers: [
            {
              dimension: "requests",
              window: null,
              remaining: "x-ratelimit-remaining-requests",
              reset: "x-ratelimit-reset-requests",
              unit: "duration",
            },
          ],
        },
      },
    );
    const told: string[] = [];
    rotator.on("accounts-joined", ({ evidence }) => told.push(evidence));
    rotator.on("accounts-parted", () => told.push("parted"));
    for (let count = 0; count < 40; count++) {
      await fetch(target, post());
      await clock.advance(100);
    }
    expect(told).toEqual(["what is left to one falls with the use of the other"]);
    dry = 0;
    for (let count = 0; count < 3; count++) {
      await fetch(target, post());
      await clock.advance(1);
    }
    expect(told.slice(1)).toEqual(["parted"]);
    await clock.advance(60_000);
    for (let count = 0; count < 40; count++) {
      await fetch(target, post());
      await clock.advance(100);
    }
    expect(told).toHaveLength(2);
  });

  it("takes a counter that others use as well for no evidence", async () => {
    const left = [1000, 1000, 1000];
    const { fetch, rotator, clock } = rig(
      ({ key }) => {
        left[key] = (left[key] as number) - 2;
        return Response.json({}, { headers: { "x-ratelimit-remaining-requests": String(left[key]) } });
      },
      { keyCount: 3, provider: "openai" },
    );
    const joined: unknown[] = [];
    rotator.on("accounts-joined", (event) => joined.push(event));
    for (let count = 0; count < 90; count++) {
      await fetch(target, post());
      await clock.advance(100);
    }
    expect(joined).toEqual([]);
  });
});
