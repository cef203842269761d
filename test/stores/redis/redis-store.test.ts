import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, describe, expect, it, type TestContext } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import type { Candidate } from "../../../src/limits/store.ts";
import { RedisStore, type RedisStoreOptions, type SharingState } from "../../../src/stores/redis/index.ts";
import { RedisProcess } from "../../redis/support/redis-process.ts";
import { allStarted, ask, rolling, room, until, wanting } from "../../redis/support/shared-limits.ts";
import { type Connection, connectionTo, requireRedisServer } from "../../support/redis-server.ts";

const tenAMinute: Candidate = wanting("a", rolling("a#r", 10, 60_000));

// More of it, with ordinary clients, on a cluster and under every fault, runs with `npm run test:redis`.
describe("RedisStore on a real server", () => {
  const cleanups: (() => unknown)[] = [];
  let started: Promise<RedisProcess> | undefined;

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(async () => (await started)?.end());

  function server(context: TestContext): Promise<RedisProcess> {
    requireRedisServer(context);
    started ??= RedisProcess.start();
    return started;
  }

  function storeOn(
    { port }: RedisProcess,
    given: Partial<RedisStoreOptions> & { pool: string },
  ): [RedisStore, Connection] {
    const connection = connectionTo(port);
    const store = new RedisStore({ client: connection.send, commandTimeoutMs: 1000, ...given });
    cleanups.push(
      () => connection.end(),
      () => store.close(),
    );
    return [store, connection];
  }

  it("lets two processes share one limit", async (context) => {
    const redis = await server(context);
    const pool = randomUUID();
    const [[one], [other]] = [storeOn(redis, { pool }), storeOn(redis, { pool })];
    const granted = await Promise.all([room(one, tenAMinute), room(other, tenAMinute)]);
    expect(granted.flat()).toHaveLength(10);
  });

  it("keeps all processes from a key that one of them put into cooldown", async (context) => {
    const redis = await server(context);
    const pool = randomUUID();
    const [[one], [other]] = [storeOn(redis, { pool }), storeOn(redis, { pool })];
    await one.cooldown([{ scope: "key:a", set: { forMs: 5000 }, reason: "rate_limit", source: "authoritative" }]);
    expect(await ask(other, tenAMinute)).toMatchObject({ granted: false, blocked: [{ by: "key:a" }] });
  });

  it("answers alone, with its share, when the server is killed", async (context) => {
    requireRedisServer(context);
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const states: SharingState[] = [];
    const [store] = storeOn(own, { pool: randomUUID(), commandTimeoutMs: 50, onState: (state) => states.push(state) });
    await store.renew();
    await ask(store, tenAMinute);
    await own.kill();
    // In its first second it does not take itself for the only one: a quarter.
    expect(await room(store, tenAMinute)).toHaveLength(3);
    expect(states).toEqual(["alone"]);
    await own.restart();
    await until(() => states.at(-1) === "shared", 2000);
  });

  it("counts what somebody who knows says is used, also while the server is gone", async (context) => {
    requireRedisServer(context);
    const own = await RedisProcess.start();
    cleanups.push(() => own.end());
    const states: SharingState[] = [];
    const onState = (state: SharingState) => void states.push(state);
    const [store] = storeOn(own, { pool: randomUUID(), commandTimeoutMs: 50, onState, ...allStarted });
    const [bucket] = tenAMinute.needs.map((need) => need.bucket);
    if (bucket === undefined) throw new Error("It counts nothing");
    await ask(store, tenAMinute);
    await own.kill();
    // Alone, with nine of ten left.
    expect((await ask(store, tenAMinute)).granted).toBe(true);
    await store.settle([], [{ bucket, used: 7 }]);
    expect(await room(store, tenAMinute)).toHaveLength(3);
    await store.settle([], [{ bucket, used: 4 }]);
    expect((await ask(store, tenAMinute)).granted).toBe(false);
    await own.restart();
    await until(() => states.at(-1) === "shared", 2000);
    await until(async () => (await store.read([], [bucket])).buckets[0]?.used === 10);
  });

  it("hears of keys, and never of a secret", async (context) => {
    const secret = `test-${randomBytes(16).toString("hex")}`;
    const [store, { sent }] = storeOn(await server(context), { pool: randomUUID() });
    const fetch = createRotatingFetch({
      origins: ["http://api.test"],
      keys: [{ id: "a", secret }],
      store,
      fetch: async () => new Response("{}", { status: 429, headers: { "retry-after": "60" } }),
    });
    await fetch("http://api.test/v1");
    await fetch.rotator.close();
    const all = sent.join("");
    expect(all).toContain("key:generic/a");
    expect(all).not.toContain(secret);
  });
});
