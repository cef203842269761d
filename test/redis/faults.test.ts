import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { RedisStore, type RedisStoreOptions, type SendCommand, type SharingState } from "rotating-fetch/redis";
import { FakeClock } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Candidate } from "../../src/limits/store.ts";
import { ownTime } from "../support/own-time.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { allStarted, ask, options, places, rolling, room, until, wanting } from "./support/shared-limits.ts";

/** Long enough for a busy machine, short enough to see that nobody waits. */
const commandTimeoutMs = 100;

interface Rig {
  readonly store: RedisStore;
  readonly states: SharingState[];
}

describe("RedisStore without its server", () => {
  let server: RedisProcess;
  const cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(() => server.end());

  function storeOn(given: Partial<RedisStoreOptions> & { pool: string }, port = server.port): Rig {
    const states: SharingState[] = [];
    const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 100 });
    client.on("error", () => {});
    const store = new RedisStore({ client, commandTimeoutMs, onState: (state) => states.push(state), ...given });
    cleanups.push(
      () => client.disconnect(),
      () => store.close(),
    );
    return { store, states };
  }

  /** So many processes that know of each other. */
  async function joined(count: number, given: Partial<RedisStoreOptions> = {}, port?: number): Promise<Rig[]> {
    const pool = randomUUID();
    const rigs = Array.from({ length: count }, () => storeOn({ pool, ...allStarted, ...given }, port));
    for (let round = 0; round < 2; round++) for (const { store } of rigs) await store.renew();
    return rigs;
  }

  /** Lets all of them see what is left now. */
  async function lookAt(rigs: readonly Rig[], wanted: Candidate): Promise<void> {
    for (const { store } of rigs) await store.reserve([wanted], { ...options, dryRun: true });
  }

  async function usedOf({ store }: Rig, candidate: Candidate): Promise<number | undefined> {
    const { buckets } = await store.read(
      [],
      candidate.needs.map(({ bucket }) => bucket),
    );
    return buckets[0]?.used;
  }

  const isShared = ({ states }: Rig): boolean => states.at(-1) !== "alone";

  it("shares what was left while the server is paused, exactly, and reports it when it is back", async () => {
    const rigs = await joined(3);
    const wanted = wanting("a", rolling("a#r", 20, 60_000));
    for (const { store } of [...rigs, ...rigs]) await ask(store, wanted);
    const [first] = rigs as [Rig];
    await lookAt(rigs, wanted);
    await server.command("CLIENT", "PAUSE", "1500", "ALL");
    const started = ownTime.now();
    const granted = await Promise.all(rigs.map(({ store }) => room(store, wanted)));
    expect(ownTime.now() - started).toBeLessThan(1400);
    expect(granted.flat()).toHaveLength(14);
    await until(() => rigs.every(isShared), 1500 + 2000);
    await until(async () => (await usedOf(first, wanted)) === 20, 2000);
    expect((await ask(first.store, wanted)).granted).toBe(false);
  });

  it("answers every request within its budget, and is back within two seconds of a restart", async () => {
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const [rig] = (await joined(1, {}, own.port)) as [Rig];
    const wanted = wanting("a", rolling("a#r", 1000, 60_000));
    for (let count = 0; count < 5; count++) await ask(rig.store, wanted);
    await own.kill();
    for (let count = 0; count < 20; count++) {
      const started = ownTime.now();
      expect((await ask(rig.store, wanted)).granted).toBe(true);
      expect(ownTime.now() - started).toBeLessThan(commandTimeoutMs + 60);
    }
    expect(isShared(rig)).toBe(false);
    await own.restart();
    await until(() => isShared(rig), 2000);
    // Nothing of it is on the server's own account: it began empty.
    await until(async () => (await usedOf(rig, wanted)) === 25, 2000);
  });

  it("tells a server that lost everything what still counts, places under way among it", async () => {
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const rigs = await joined(2, {}, own.port);
    const wanted = wanting("a", rolling("a#r", 10, 60_000), places("a#n", 10));
    const taken = [];
    for (const { store } of rigs)
      taken.push(await ask(store, wanted), await ask(store, wanted), await ask(store, wanted));
    await lookAt(rigs, wanted);
    await own.command("FLUSHALL");
    const [one, other] = rigs as [Rig, Rig];
    // Whoever notices decides alone, in its share, until the others must have noticed.
    const granted = [...(await room(one.store, wanted)), ...(await room(other.store, wanted))];
    expect(granted).toHaveLength(4);
    await until(async () => {
      const { buckets } = await one.store.read(
        [],
        wanted.needs.map(({ bucket }) => bucket),
      );
      return buckets.every(({ used }) => used === 6 + granted.length);
    }, 3000);
    const [first] = taken;
    if (first?.granted) await one.store.settle([{ reservation: first, outcome: "success", sent: "yes" }]);
    const [, held] = (
      await one.store.read(
        [],
        wanted.needs.map(({ bucket }) => bucket),
      )
    ).buckets;
    expect(held?.used).toBe(5 + granted.length);
  });

  it("goes on with its share where the server is out of memory", async () => {
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const [rig] = (await joined(1, {}, own.port)) as [Rig];
    const wanted = wanting("a", rolling("a#r", 6, 60_000));
    await ask(rig.store, wanted);
    await own.command("CONFIG", "SET", "maxmemory", "1");
    expect(await room(rig.store, wanted)).toHaveLength(5);
    await own.command("CONFIG", "SET", "maxmemory", "0");
    await until(() => isShared(rig), 2000);
    await until(async () => (await usedOf(rig, wanted)) === 6, 2000);
  });

  it("gives nothing out alone where it is told so, and says when to ask again", async () => {
    const { store } = storeOn({ pool: randomUUID(), insurance: "closed" }, 1);
    const answer = await ask(store, wanting("a", rolling("a#r", 6, 60_000)));
    const blocked = [{ index: 0, by: "store", reason: "store unavailable" }];
    expect(answer).toMatchObject({ granted: false, blocked });
    expect(answer.granted ? 0 : (answer.blocked[0]?.until ?? 0) - answer.now).toBeGreaterThan(0);
  });

  it("takes a quarter where it never reached a server, or what it is told to expect", async () => {
    const wanted = wanting("a", rolling("a#r", 20, 60_000));
    const usual = storeOn({ pool: randomUUID() }, 1);
    expect(await room(usual.store, wanted)).toHaveLength(5);
    const told = storeOn({ pool: randomUUID(), insurance: { expectedInstances: 10 } }, 1);
    expect(await room(told.store, wanted)).toHaveLength(2);
  });

  it("tells the server what it took while others noticed the loss, before it asks again", async () => {
    const clock = new FakeClock();
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const { store } = storeOn({ pool: randomUUID(), clock, commandTimeoutMs: 5000, ...allStarted }, own.port);
    const wanted = wanting("a", rolling("a#r", 10, 60_000));
    await store.reserve([wanted], { ...options, dryRun: true });
    await own.command("FLUSHALL");
    await store.renew();
    expect(await room(store, wanted)).toHaveLength(10);
    await clock.advance(1000);
    const asking = Promise.all(Array.from({ length: 10 }, () => ask(store, wanted)));
    await clock.advance(1);
    expect((await asking).filter(({ granted }) => granted)).toEqual([]);
    await clock.advance(1);
  });

  it("takes in its first second no more than where others are about to start", async () => {
    const clock = new FakeClock();
    const wanted = wanting("a", rolling("a#r", 20, 60_000));
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const old = storeOn({ pool: randomUUID(), clock }, own.port);
    await old.store.renew();
    await clock.advance(1000);
    await old.store.renew();
    const early = storeOn({ pool: randomUUID(), clock }, own.port);
    await early.store.renew();
    await own.kill();
    expect(await room(early.store, wanted)).toHaveLength(5);
    expect(await room(old.store, wanted)).toHaveLength(20);
  });

  it("gives a late success back", async () => {
    const client = new Redis({ port: server.port, host: "127.0.0.1" });
    cleanups.push(() => client.disconnect());
    let delayMs = 0;
    const slow: SendCommand = async ([name = "", ...args]) => {
      const reply = await client.call(name, ...args);
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      return reply;
    };
    const rig = storeOn({ pool: randomUUID(), client: slow });
    const wanted = wanting("a", rolling("a#r", 6, 60_000), places("a#n", 6));
    await rig.store.renew();
    delayMs = commandTimeoutMs * 2;
    const alone = await ask(rig.store, wanted);
    expect(alone.granted).toBe(true);
    delayMs = 0;
    if (alone.granted) await rig.store.settle([{ reservation: alone, outcome: "success", sent: "yes" }]);
    // What was decided alone counts; what came too late does not.
    await until(async () => {
      const { buckets } = await rig.store.read(
        [],
        wanted.needs.map(({ bucket }) => bucket),
      );
      return buckets[0]?.used === 1 && buckets[1]?.used === 0;
    }, 3000);
  });

  it("makes cooldowns that were learnt alone known when the server is back", async () => {
    const [one, other] = (await joined(2)) as [Rig, Rig];
    await server.command("CLIENT", "PAUSE", "600", "ALL");
    const change = {
      scope: "account:a",
      set: { forMs: 30_000 },
      reason: "rate_limit",
      source: "authoritative",
    } as const;
    const [state] = await one.store.cooldown([change]);
    expect(state).toMatchObject({ scope: "account:a", reason: "rate_limit" });
    expect((await ask(one.store, wanting("a"))).granted).toBe(false);
    await until(async () => {
      const [known] = (await other.store.read(["account:a"], [])).scopes;
      return known !== undefined && known.until - known.now > 25_000;
    }, 4000);
  });
});
