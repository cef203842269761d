import { randomBytes, randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { AllKeysExhaustedError, KeyRotator, type RotatorEvents, type RotatorOptions } from "rotating-fetch";
import type { RedisClient, RedisStore, RedisStoreOptions } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ownTime } from "../support/own-time.ts";
import { functionOf, ioredisOf, nodeRedisOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { commandTimeoutMs, ioredis, Rigs } from "./support/rigs.ts";
import { ask, options, places, rolling, until, wanting } from "./support/shared-limits.ts";

type Told = { [Name in keyof RotatorEvents]: [Name, RotatorEvents[Name]] }["store-degraded" | "store-shared"];

interface Process {
  readonly store: RedisStore;
  readonly rotator: KeyRotator;
  /** Events of the store, as the logger gets them. */
  readonly told: Told[];
}

const newSecret = (): string => `test-${randomBytes(12).toString("hex")}`;
const wanted = wanting("a", rolling("a#r", 100, 60_000));

describe("RedisStore to those who operate it", () => {
  let server: RedisProcess;
  const rigs = new Rigs();

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(() => rigs.end());
  afterAll(async () => {
    rigs.stopWatching();
    await server.end();
  });

  function begin(
    client: OpenClient,
    given: Partial<RedisStoreOptions> = {},
    pool: Partial<RotatorOptions> = {},
  ): Process {
    const { store } = rigs.store(client, { pool: randomUUID(), onState: undefined, ...given });
    const told: Told[] = [];
    const log = (message: string, details?: object): void => {
      if (message.startsWith("store-")) told.push([message, details] as Told);
    };
    const logger = { debug: log, info: log, warn: log, error: log };
    const rotator = new KeyRotator({ keys: [{ id: "a", secret: newSecret() }], store, logger, ...pool });
    return { store, rotator, told };
  }

  async function own(): Promise<RedisProcess> {
    return rigs.ends(await RedisProcess.start());
  }

  const opens: [name: string, open: (on: RedisProcess) => OpenClient | Promise<OpenClient>][] = [
    ["a client", ({ port }) => ioredis(port)],
    ["a function", functionOf],
  ];
  for (const [name, open] of opens) {
    it(`tells that the server is lost and back without onState (${name})`, async () => {
      const redis = await own();
      const { rotator, store, told } = begin(await open(redis));
      expect(store.sharing()).toMatchObject({ state: "unknown", instances: 4, listening: false });
      await rotator.acquire();
      expect(told).toEqual([["store-shared", { aloneForMs: 0 }]]);
      await until(async () => (await rotator.snapshot()).store?.instances === 1);
      await redis.kill();
      await until(async () => {
        (await rotator.acquire()).settle({ outcome: "success" });
        return told.length > 1;
      });
      expect(told[1]).toEqual(["store-degraded", { cause: expect.stringMatching(/\w/), instances: 1 }]);
      const { store: standing } = await rotator.snapshot();
      expect(standing).toMatchObject({ state: "alone", cause: expect.any(String) });
      expect(Math.abs(Date.now() - (standing?.since ?? 0))).toBeLessThan(10_000);
      await redis.restart();
      await until(() => told.some(([event], at) => at > 1 && event === "store-shared"));
      // Nothing of it was on its disk.
      expect(
        told
          .map(([event]) => event)
          .slice(2)
          .sort(),
      ).toEqual(["store-data-lost", "store-shared"]);
      const back = told.find(([event], at) => at > 1 && event === "store-shared") as Told;
      expect((back[1] as RotatorEvents["store-shared"]).aloneForMs).toBeGreaterThan(0);
      expect(store.sharing()).toMatchObject({ state: "shared", instances: 1 });
      expect(store.sharing().cause).toBeUndefined();
    });
  }

  it("says that nobody was asked yet, also where changes are told already", async () => {
    const { store } = begin(ioredisOf(server));
    await until(() => store.sharing().listening);
    expect(store.sharing().state).toBe("unknown");
    expect((await ask(store, wanted)).granted).toBe(true);
    expect(store.sharing().state).toBe("shared");
  });

  it("refuses with 503 and its own reason where nothing is given out without the server", async () => {
    const redis = await own();
    const { rotator, store } = begin(await ioredis(redis.port), { insurance: "closed" }, { maxWaitMs: 30_000 });
    (await rotator.acquire()).settle({ outcome: "success" });
    await redis.kill();
    await until(async () => {
      await ask(store, wanted);
      return store.sharing().state === "alone";
    });
    const error: unknown = await Promise.resolve(rotator.acquire({ maxWaitMs: 0 })).catch((thrown: unknown) => thrown);
    expect(AllKeysExhaustedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ status: 503, retryAfterMs: 1000, reasons: { limited: 0, store: 1 } });
    const { keys } = await rotator.explain();
    expect(keys).toMatchObject([{ reason: "store unavailable", by: "store" }]);
    const waiting = [rotator.acquire(), rotator.acquire({ account: "a" })];
    await redis.restart();
    await until(() => store.sharing().state === "shared");
    const back = ownTime.now();
    await Promise.all(waiting);
    // One second for the others to notice what the server lost, too.
    expect(ownTime.now() - back).toBeLessThan(2000);
  });

  const broken: [name: string, open: () => OpenClient | Promise<OpenClient>, cause: RegExp][] = [
    [
      "a node-redis client that was never connected",
      () => {
        const client = createClient({ url: server.url });
        return { client, end: () => {} };
      },
      /closed/,
    ],
    [
      "an ioredis client that was closed",
      () => {
        const client = new Redis({ port: server.port, host: "127.0.0.1", lazyConnect: true });
        client.disconnect();
        return { client, end: () => {} };
      },
      /closed/,
    ],
  ];
  for (const [name, open, cause] of broken) {
    it(`tells with the first request what is wrong with ${name}`, async () => {
      const { rotator, told } = begin(await open());
      await rotator.acquire();
      expect(told[0]).toEqual(["store-degraded", { cause: expect.stringMatching(cause), instances: 4 }]);
    });
  }

  it("tells with the first request that the password is wrong, and never the password", async () => {
    const [right, wrong] = [newSecret(), newSecret()];
    const redis = await own();
    await redis.command("CONFIG", "SET", "requirepass", right);
    const client = new Redis(`redis://:${wrong}@127.0.0.1:${redis.port}`, { retryStrategy: () => 100 });
    client.on("error", () => {});
    const { rotator, told, store } = begin({ client, end: () => client.disconnect() });
    await rotator.acquire();
    // That it cannot listen either may be known before.
    expect(told.map(([event]) => event).filter((event) => String(event) !== "store-unsubscribed")).toEqual([
      "store-degraded",
    ]);
    expect(store.sharing().cause).toMatch(/NOAUTH|WRONGPASS/);
    expect(JSON.stringify([told, store.sharing()])).not.toContain(wrong);
  });

  it("tells what a user of an ACL may not do, also where that is only to listen", async () => {
    const password = newSecret();
    const redis = await own();
    await redis.command("ACL", "SETUSER", "deaf", "on", `>${password}`, "~*", "+@all", "resetchannels");
    await redis.command("ACL", "SETUSER", "barred", "on", `>${password}`, "~other*", "+@all", "allchannels");
    const as = (username: string): OpenClient => {
      const client = new Redis({ port: redis.port, host: "127.0.0.1", username, password });
      client.on("error", () => {});
      return { client, end: () => client.disconnect() };
    };
    const deaf = begin(as("deaf"));
    await until(() => deaf.told.some(([event]) => String(event) === "store-unsubscribed"));
    await deaf.rotator.acquire();
    const { cause = "", ...standing } = deaf.store.sharing();
    expect(standing).toMatchObject({ state: "shared", listening: false });
    expect(cause).toMatch(/^NOPERM/);
    const barred = begin(as("barred"));
    await barred.rotator.acquire();
    expect(barred.told).toContainEqual(["store-degraded", { cause: expect.stringMatching(/NOPERM/), instances: 4 }]);
  });

  it("leaves no place taken when it is closed with requests under way", async () => {
    const pool = randomUUID();
    const busy = wanting("a", places("a#n", 1));
    const [one, other] = [begin(ioredisOf(server), { pool }), begin(ioredisOf(server), { pool })];
    expect((await ask(one.store, busy)).granted).toBe(true);
    expect((await ask(other.store, busy)).granted).toBe(false);
    await one.store.close();
    // It may still be served for as long as the guard: 25 ms. Its lease is a minute.
    await until(async () => (await ask(other.store, busy)).granted, 2000);
  });

  it("hands the place of a rotator that is closed to one of another process that waits for it", async () => {
    const pool = randomUUID();
    const keys = [{ id: "a", secret: newSecret() }];
    const limits = [{ concurrency: 1 }];
    const [one, other] = [0, 1].map(() => begin(ioredisOf(server), { pool }, { keys, limits, maxWaitMs: 20_000 })) as [
      Process,
      Process,
    ];
    const held = await one.rotator.acquire();
    const waiting = other.rotator.acquire();
    await one.rotator.close();
    const lease = await waiting;
    // What ends after all has no place to give back any more.
    held.settle({ outcome: "success" });
    const refused = Promise.resolve(other.rotator.acquire({ maxWaitMs: 200 })).then(
      () => "served",
      () => "refused",
    );
    expect(await refused).toBe("refused");
    lease.settle({ outcome: "success" });
  });

  it("is silent once it is closed", async () => {
    const redis = await own();
    const states: string[] = [];
    const client = await ioredis(redis.port);
    const { store } = rigs.store(client, { pool: randomUUID(), onState: (state) => states.push(state) });
    await ask(store, wanted);
    store.onSharing(({ type }) => states.push(type));
    await store.close();
    await redis.kill();
    for (let count = 0; count < 5; count++) await ask(store, wanted);
    expect(states).toEqual([]);
  });

  const odd: [name: string, as: (reply: unknown) => unknown][] = [
    ["has parsed replies", (reply) => JSON.parse(String(reply)) as unknown],
    ["gives bytes", (reply) => Buffer.from(String(reply))],
  ];
  for (const [name, as] of odd) {
    it(`shares with a client that ${name}`, async () => {
      const { client, end } = functionOf(server);
      const send: RedisClient = async (args) => as(await (client as (args: string[]) => Promise<unknown>)(args));
      const { store } = begin({ client: send, end });
      await store.renew();
      expect((await store.reserve([wanted], options)).granted).toBe(true);
      expect(store.sharing().state).toBe("shared");
    });
  }

  it("says what is wrong with replies of another kind, also from a function that returns no promise", async () => {
    for (const reply of [{ result: "{}" }, "OK", undefined]) {
      const client = (() => reply) as unknown as RedisClient;
      const { rotator, told } = begin({ client, end: () => {} });
      await rotator.acquire();
      const cause = "The client's reply is none that this store's script gives: expected its text";
      expect(told).toEqual([["store-degraded", { cause, instances: 4 }]]);
    }
  });

  it("tells of a server that says nothing what its client says", async () => {
    const client = createClient({ socket: { port: 1, host: "127.0.0.1", reconnectStrategy: 100 } });
    client.on("error", () => {});
    client.connect().catch(() => {});
    const { rotator, told } = begin({ client, end: () => client.destroy() });
    await rotator.acquire();
    const cause = `No answer within ${commandTimeoutMs} ms (the client is connecting)`;
    expect(told[0]).toEqual(["store-degraded", { cause, instances: 4 }]);
  });

  it("works on a node-redis client, too, and tells that it listens", async () => {
    const { store } = begin(await nodeRedisOf(server));
    await until(() => store.sharing().listening);
  });
});
