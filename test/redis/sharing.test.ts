import { randomUUID } from "node:crypto";
import { type RedisClient, RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { StoreChange } from "../../src/limits/store.ts";
import {
  functionOf,
  ioredisClusterOf,
  ioredisOf,
  nodeRedisClusterOf,
  nodeRedisOf,
  type OpenClient,
} from "./support/clients.ts";
import { RedisCluster } from "./support/redis-cluster.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { ask, options, places, rolling, room, until, wanting } from "./support/shared-limits.ts";

const patient = { commandTimeoutMs: 5000 };

describe("RedisStore in several processes", () => {
  let server: RedisProcess;
  let cluster: RedisCluster;
  const opened: OpenClient[] = [];
  const stores: RedisStore[] = [];

  beforeAll(async () => {
    [server, cluster] = await Promise.all([RedisProcess.start(), RedisCluster.start()]);
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    for (const { end } of opened.splice(0)) end();
  });
  afterAll(() => Promise.all([server.end(), cluster.end()]));

  async function storeOn(made: OpenClient | Promise<OpenClient>, pool: string): Promise<RedisStore> {
    const client = await made;
    opened.push(client);
    const store = new RedisStore({ client: client.client, pool, ...patient });
    stores.push(store);
    return store;
  }

  it("counts what all of them take against one limit, whatever client each of them has", async () => {
    const pool = randomUUID();
    const made = [ioredisOf(server), await nodeRedisOf(server), functionOf(server)];
    const three = await Promise.all(made.map((each) => storeOn(each, pool)));
    const wanted = wanting("a", rolling("a#r", 10, 60_000));
    const granted = await Promise.all(three.map((store) => room(store, wanted)));
    expect(granted.flat()).toHaveLength(10);
  });

  it("keeps pools apart that share a server", async () => {
    const wanted = wanting("a", rolling("a#r", 1, 60_000));
    const [one, other] = [
      await storeOn(ioredisOf(server), randomUUID()),
      await storeOn(ioredisOf(server), randomUUID()),
    ];
    expect(await room(one, wanted)).toHaveLength(1);
    expect(await room(other, wanted)).toHaveLength(1);
  });

  it("frees a slot a window after it was taken, by the server's own clock", async () => {
    const store = await storeOn(ioredisOf(server), randomUUID());
    const wanted = wanting("a", rolling("a#r", 1, 300));
    await room(store, wanted);
    const refusal = await ask(store, wanted);
    const waitMs = refusal.granted ? 0 : (refusal.blocked[0]?.until ?? 0) - refusal.now;
    expect(waitMs).toBeGreaterThan(200);
    expect(waitMs).toBeLessThanOrEqual(326);
    await until(async () => (await ask(store, wanted)).granted, 2000);
    expect((await ask(store, wanted)).granted).toBe(false);
  });

  it("loads its script again where the server has lost it", async () => {
    const store = await storeOn(ioredisOf(server), randomUUID());
    const wanted = wanting("a", rolling("a#r", 2, 60_000));
    await ask(store, wanted);
    await server.command("SCRIPT", "FLUSH");
    expect((await ask(store, wanted)).granted).toBe(true);
    expect((await ask(store, wanted)).granted).toBe(false);
  });

  it("numbers the processes", async () => {
    const pool = randomUUID();
    const three = await Promise.all([1, 2, 3].map(() => storeOn(ioredisOf(server), pool)));
    for (let round = 0; round < 2; round++) for (const store of three) await store.renew();
    const standings = three.map((store) => store.sharing());
    expect(standings.map(({ instances }) => instances)).toEqual([3, 3, 3]);
    expect(standings.map(({ rank }) => rank).sort()).toEqual([0, 1, 2]);
  });

  it("leaves nothing behind that does not expire", async () => {
    const pool = randomUUID();
    const store = await storeOn(ioredisOf(server), pool);
    const day = [1, 4e12, 5e12] as const;
    const candidate = wanting(
      "a",
      rolling("a#r", 9, 60_000),
      places("a#n", 3),
      { ...rolling("a#a", 9, 60_000), kind: "anchored" },
      { id: "a#c", kind: "calendar", dimension: "requests", limit: 9, guardMs: 25, edges: day },
    );
    const [first] = await room(store, candidate);
    await store.cooldown([{ scope: "key:a", set: { forMs: 5000 }, reason: "rate_limit", source: "heuristic" }]);
    if (first !== undefined) await store.settle([{ reservation: first, outcome: "success", sent: "yes" }]);
    await store.renew();
    const reply = await server.command("KEYS", `*${pool}*`);
    const names = reply.split("\r\n").filter((line) => line.startsWith("{"));
    expect(names).toHaveLength(8);
    for (const name of names) expect(await server.command("PTTL", name)).toMatch(/^:[1-9]\d*\r\n$/);
  });

  const listening: [name: string, open: () => OpenClient | Promise<OpenClient>][] = [
    ["ioredis", () => ioredisOf(server)],
    ["node-redis", () => nodeRedisOf(server)],
    ["ioredis on a cluster", () => ioredisClusterOf(cluster)],
    ["node-redis on a cluster", () => nodeRedisClusterOf(cluster)],
  ];
  for (const [name, open] of listening) {
    it(`tells the others of cooldowns and of permits given back (${name})`, async () => {
      const pool = randomUUID();
      const [one, other] = [await storeOn(open(), pool), await storeOn(open(), pool)];
      const heard: StoreChange[] = [];
      const stop = other.watch?.((change) => heard.push(change));
      const busy = wanting("a", places("a#n", 1));
      // Until the other listens, nobody can be sure that it hears.
      await until(async () => {
        await one.cooldown([{ scope: "key:x", set: { forMs: 50 }, reason: "rate_limit", source: "heuristic" }]);
        return heard.length > 0;
      });
      expect(heard[0]).toMatchObject({ type: "cooled", state: { scope: "key:x", source: "heuristic" } });
      const [held] = await room(one, busy);
      heard.length = 0;
      if (held !== undefined) await one.settle([{ reservation: held, outcome: "success", sent: "yes" }]);
      await until(() => heard.some((change) => change.type === "freed" && change.scope === null));
      stop?.();
    });
  }

  it("says that it hears nothing where the client is a function", async () => {
    const store = await storeOn(functionOf(server), randomUUID());
    store.watch(() => {});
    await store.renew();
    expect(store.sharing()).toMatchObject({ state: "shared", listening: false });
  });

  it("takes nothing twice when a report is sent twice", async () => {
    const { client, end } = ioredisOf(server);
    opened.push({ client, end });
    let lost = 0;
    const call = (client as { call: (...args: string[]) => Promise<unknown> }).call.bind(client);
    const losing: RedisClient = async (args) => {
      const [name = "", ...rest] = args;
      const reply = await call(name, ...rest);
      // Carried out, and nobody hears of it.
      if (lost === 0 && args.some((each) => each.includes('"s":'))) {
        lost++;
        throw new Error("Connection is closed.");
      }
      return reply;
    };
    const store = new RedisStore({ client: losing, pool: randomUUID(), ...patient });
    stores.push(store);
    const tokens = { ...rolling("a#t", 1000, 60_000), dimension: "tokens" } as const;
    const candidate = { scopes: [], needs: [{ bucket: tokens, amount: 100 }] };
    const reservation = await store.reserve([candidate], options);
    if (reservation.granted)
      await store.settle([{ reservation, outcome: "success", sent: "yes", amounts: { tokens: 30 } }]);
    await until(async () => lost === 1 && (await store.read([], [tokens])).buckets[0]?.used === 30);
    await store.close();
    const again = await storeOn(ioredisOf(server), randomUUID());
    expect((await again.read([], [tokens])).buckets[0]?.used).toBe(0);
  });

  it("reads and changes as much as it is asked to", async () => {
    const store = await storeOn(ioredisOf(server), randomUUID());
    const scopes = Array.from({ length: 20_000 }, (_, place) => `account:${place}`);
    const resting = scopes.filter((_, place) => place % 2 === 1);
    const set = { forMs: 60_000 };
    const states = await store.cooldown(
      resting.map((scope) => ({ scope, set, reason: "test", source: "operator" as const })),
    );
    expect(states.map(({ scope }) => scope)).toEqual(resting);
    const buckets = [rolling("a#r", 10, 60_000), ...scopes.map((scope) => rolling(`${scope}#r`, 10, 60_000))];
    await room(store, wanting("a", rolling("a#r", 10, 60_000)));
    const reading = await store.read(scopes, buckets);
    expect(reading.scopes.map(({ scope }) => scope)).toEqual(resting);
    expect(reading.buckets.map(({ left }) => left)).toEqual([0, ...scopes.map(() => 10)]);
  });

  it.each([
    ["client", { client: {} }],
    ["pool", { pool: "" }],
    ["pool", { pool: "a}b" }],
    ["prefix", { prefix: "{" }],
    ["commandTimeoutMs", { commandTimeoutMs: 0 }],
    ["insurance.expectedInstances", { insurance: { expectedInstances: Number.NaN } }],
    ["insurance", { insurance: "open" }],
  ])("refuses a %s that cannot work", (field, wrong) => {
    const made = () => new RedisStore({ client: async () => "", pool: "p", ...wrong } as never);
    expect(made).toThrow(expect.objectContaining({ field }));
  });
});
