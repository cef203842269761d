import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { Walls } from "../../../src/judgement/evidence/walls.ts";
import type { RefusedAttempt } from "../../../src/ports.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { chatUrl, ok, origin, post, rig } from "../../fetch/fixture.ts";
import { SharedStore } from "../../pool/rotator/shared-store.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";

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

/** An address that is throttled while told so: what comes is refused after 20 ms, or served. */
class Throttled {
  readonly clock: FakeClock;
  isUp = true;
  /** When requests came, and how many were under way then. */
  readonly came: { readonly at: number; readonly beside: number }[] = [];
  #underWay = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  readonly answer = async (): Promise<Response> => {
    this.came.push({ at: this.clock.monotonic(), beside: this.#underWay++ });
    await new Promise<void>((resolve) => this.clock.timer(resolve, 20));
    this.#underWay--;
    return this.isUp ? throttled() : ok();
  };

  since(at: number): { readonly at: number; readonly beside: number }[] {
    return this.came.filter((one) => one.at >= at);
  }
}

/** Small steps: whoever waits for a timer asks again in the next one. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10) await clock.advance(Math.min(left, 10));
}

describe("a wall", () => {
  /** Twelve calls have met it. */
  async function met() {
    let upstream: Throttled | undefined;
    const pool = rig(() => (upstream as Throttled).answer(), { keyCount: 8, maxWaitMs: 600_000 });
    upstream = new Throttled(pool.clock);
    const calls = Array.from({ length: 12 }, () => pool.fetch(chatUrl, post()));
    await pass(pool.clock, 900);
    return { ...pool, upstream, calls };
  }

  it("is tried by one request at a time, after pauses that double up to a minute", async () => {
    const { clock, upstream, calls } = await met();
    const from = clock.monotonic();
    await pass(clock, 200_000);
    const trials = upstream.since(from);
    expect(trials.every(({ beside }) => beside === 0)).toBe(true);
    const pauses = trials.slice(1).map(({ at }, place) => at - (trials[place]?.at ?? 0));
    expect(pauses.slice(0, 6).map((ms) => Math.round(Math.log2(ms / 1000)))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(pauses.every((ms) => ms < 62_000)).toBe(true);
    expect(trials.length).toBeLessThanOrEqual(9);
    upstream.isUp = false;
    await pass(clock, 65_000);
    for (const call of calls) expect((await call).status).toBe(200);
  });

  it("that is gone is found so by one request, then two, then four, and costs no account anything", async () => {
    const { clock, upstream, calls, rotator } = await met();
    upstream.isUp = false;
    const from = clock.monotonic();
    await pass(clock, 2500);
    expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
    const first = upstream.since(from);
    expect(first).toHaveLength(12);
    expect(first.slice(0, 3).map(({ beside }) => beside)).toEqual([0, 0, 1]);
    expect(Math.max(...first.map(({ beside }) => beside))).toBeLessThan(8);
    const { keys } = await rotator.snapshot();
    expect(keys.flatMap(({ cooldowns }) => cooldowns).filter(({ reason }) => reason !== "wall")).toEqual([]);
  });

  it("that comes back at once stands again, also before the only request there is", async () => {
    const { fetch, clock, upstream, calls } = await met();
    upstream.isUp = false;
    await pass(clock, 1500);
    await Promise.all(calls);
    upstream.isUp = true;
    const last = fetch(chatUrl, post());
    await pass(clock, 2500);
    upstream.isUp = false;
    await pass(clock, 20_000);
    expect((await last).status).toBe(200);
  });

  it("of two processes on one store is tried by one request of both, at one backoff, and known to the one that slept", async () => {
    const clock = new FakeClock();
    const upstream = new Throttled(clock);
    const store = new SharedStore(clock);
    const secrets = Array.from({ length: 8 }, newSecret);
    const [one, two, idle] = [0, 1, 2].map(() =>
      createRotatingFetch({
        keys: secrets,
        baseURL: origin,
        clock,
        random: () => 0.5,
        maxWaitMs: 600_000,
        egress: "office",
        store: store.door(),
        fetch: upstream.answer,
      }),
    ) as [ReturnType<typeof createRotatingFetch>, ReturnType<typeof createRotatingFetch>, typeof fetch];
    const calls = [one, two].flatMap((fetch) => Array.from({ length: 8 }, () => fetch(chatUrl, post())));
    await pass(clock, 3000);
    const from = clock.monotonic();
    await pass(clock, 40_000);
    const trials = upstream.since(from);
    expect(trials.every(({ beside }) => beside === 0)).toBe(true);
    expect(trials.length).toBeLessThanOrEqual(6);
    upstream.isUp = false;
    const up = clock.monotonic();
    calls.push(...Array.from({ length: 8 }, () => idle(chatUrl, post())));
    await pass(clock, 70_000);
    expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
    expect(
      upstream
        .since(up)
        .slice(0, 2)
        .map(({ beside }) => beside),
    ).toEqual([0, 0]);
  });
});

describe("three accounts that are refused alike without a stated time", () => {
  const others = (accounts: readonly number[]) => (key: number) => accounts.includes(key);

  it("are no wall while the account that served last still serves: it serves those who were refused", async () => {
    const isLimited = others([0, 1, 2]);
    let isBegun = false;
    const { fetch, clock, sent, rotator } = rig(({ key }) => (isBegun && isLimited(key) ? throttled() : ok()), {
      keyCount: 4,
      maxWaitMs: 30_000,
    });
    for (let call = 0; call < 4; call++) {
      await fetch(chatUrl, post());
      await clock.advance(10);
    }
    isBegun = true;
    sent.length = 0;
    const calls = Array.from({ length: 4 }, () => fetch(chatUrl, post()));
    await pass(clock, 1000);
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { keys } = await rotator.snapshot();
    expect(keys.flatMap(({ cooldowns }) => cooldowns).map(({ reason }) => reason)).not.toContain("wall");
  });

  it("are one when that account is refused, too: what they cooled down for is taken back", async () => {
    let isUp = false;
    const { fetch, clock, sent, rotator } = rig(() => (isUp ? throttled() : ok()), { keyCount: 6, maxWaitMs: 30_000 });
    for (let call = 0; call < 6; call++) {
      await fetch(chatUrl, post());
      await clock.advance(10);
    }
    isUp = true;
    sent.length = 0;
    const calls = Array.from({ length: 3 }, () => fetch(chatUrl, post()));
    await pass(clock, 400);
    expect(sent.map(({ key }) => key)).toContain(5);
    const { keys } = await rotator.snapshot();
    expect(new Set(keys.flatMap(({ cooldowns }) => cooldowns).map(({ reason }) => reason))).toEqual(new Set(["wall"]));
    isUp = false;
    await pass(clock, 2000);
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it("make no wall where a time was stated, or the words differ", async () => {
    const stated = (): Response => new Response("{}", { status: 429, headers: { "retry-after": "20" } });
    const differing = (key: number): Response => Response.json({ error: `words ${"abcdef"[key]}` }, { status: 429 });
    for (const refuse of [stated, differing]) {
      const { fetch, rotator } = rig(({ key }) => refuse(key), { keyCount: 6, maxWaitMs: 0 });
      for (let call = 0; call < 3; call++) await fetch(chatUrl, post());
      const { keys } = await rotator.snapshot();
      expect(keys.flatMap(({ cooldowns }) => cooldowns).map(({ reason }) => reason)).not.toContain("wall");
    }
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
    const walls = new Walls({ clock, accountIds, servedLast: () => undefined, wallOf: () => undefined });
    walls.onServed("other", { accountId: "other/1", at: clock.monotonic() });
    expect(walls.advise(refusal("one", 1), [])).toBeUndefined();
    expect(walls.advise(refusal("one", 2), [])).toBeUndefined();
    expect(walls.advise(refusal("one", 3), [])).toMatchObject({
      advice: "wait",
      changes: expect.arrayContaining([expect.objectContaining({ scope: "ip:one/here" })]),
    });
    expect(walls.advise(refusal("other", 2), [])).toBeUndefined();
  });

  it("go on where another process was: who is refused soon after its wall waits twice as long", () => {
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const known = { endsAt: clock.monotonic() + 100, lengthMs: 8000 };
    const accountIds = (): string[] => ["one/1", "one/2", "one/3"];
    const walls = new Walls({ clock, accountIds, servedLast: () => undefined, wallOf: () => known });
    const before = walls.advise(refusal("one", 1), []);
    expect(before).toMatchObject({ advice: "wait", until: known.endsAt, changes: [{ undo: { accountId: "one/1" } }] });
    clock.advanceSync(200);
    expect(walls.advise(refusal("one", 2), [])).toMatchObject({ advice: "wait", until: clock.monotonic() + 16_000 });
  });
});
