import { describe, expect, it } from "vitest";
import { Walls } from "../../../src/judgement/evidence/walls.ts";
import type { RefusedAttempt } from "../../../src/ports.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { chatUrl, ok, post, rig } from "../../fetch/fixture.ts";

const throttled = (): Response => Response.json({ error: { message: "Try later." } }, { status: 429 });

describe("a 429 without a stated time that all accounts answer", () => {
  it("is handed to its caller after one wait where only one request meets it, and others are served meanwhile", async () => {
    const { fetch, clock, sent } = rig(({ init }) => (String(init.body).includes("odd") ? throttled() : ok()), {
      keyCount: 8,
      maxWaitMs: 30_000,
    });
    for (let call = 0; call < 8; call++) await fetch(chatUrl, post());
    sent.length = 0;
    const odd = fetch(chatUrl, post("odd"));
    await clock.advance(900);
    expect((await fetch(chatUrl, post())).status).toBe(200);
    await clock.advance(200);
    expect((await odd).status).toBe(429);
    expect(sent.filter(({ init }) => init.body === "odd").length).toBeLessThanOrEqual(7);
    for (let call = 0; call < 8; call++) expect((await fetch(chatUrl, post())).status).toBe(200);
  });

  it("is a wall where several meet it: they wait for its end, and are served after it", async () => {
    let isUp = true;
    const { fetch, clock, sent } = rig(() => (isUp ? throttled() : ok()), { keyCount: 20, maxWaitMs: 30_000 });
    const calls = Array.from({ length: 5 }, () => fetch(chatUrl, post()));
    await clock.advance(800);
    expect(sent.length).toBeLessThanOrEqual(20);
    isUp = false;
    await clock.advance(10_000);
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(5).fill(200));
  });
});

describe("walls of a pool of several providers", () => {
  const refusal = (provider: string, account: number): RefusedAttempt => {
    const accountId = `${provider}/${account}`;
    const classification = { kind: "rate_limit", strength: "likely", retryAfterMs: null };
    const lease = { provider, accountId, scopeOf: () => `ip:${provider}/here` };
    return { lease, status: 429, classification, fingerprint: "429 no", subject: account, repeatable: true } as never;
  };

  it("are one for each: neither stops the other, and no account is asked about another's provider", () => {
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const accountIds = (provider: string): string[] => [1, 2, 3].map((account) => `${provider}/${account}`);
    const walls = new Walls({ clock, accountIds, servedLast: () => undefined });
    walls.onServed("other", { accountId: "other/1", at: clock.monotonic() });
    expect(walls.advise(refusal("one", 1), [])).toBeUndefined();
    expect(walls.advise(refusal("one", 2), [])).toBeUndefined();
    expect(walls.advise(refusal("one", 3), [])).toMatchObject({
      advice: "wait",
      changes: expect.arrayContaining([expect.objectContaining({ scope: "ip:one/here" })]),
    });
    expect(walls.advise(refusal("other", 2), [])).toBeUndefined();
  });
});
