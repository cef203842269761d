import { Redis } from "ioredis";
import { createSentinel } from "redis";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { OpenClient } from "./support/clients.ts";
import { Load } from "./support/load.ts";
import { replicated, saying } from "./support/redis-cluster.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { commandTimeoutMs, isAlone, isShared, type Rig, Rigs, reached, usedOf } from "./support/rigs.ts";
import { rolling, until, wanting } from "./support/shared-limits.ts";

/** Nobody comes near it. */
const limit = 50_000;
const wanted = wanting("a", rolling("a#r", limit, 60_000));

const clients: [name: string, opens: (sentinel: RedisProcess) => Promise<OpenClient>][] = [
  [
    "ioredis",
    async ({ port }) => {
      const client = new Redis({
        sentinels: [{ host: "127.0.0.1", port }],
        name: "pool",
        sentinelRetryStrategy: () => 100,
      });
      client.on("error", () => {});
      return { client, end: () => client.disconnect() };
    },
  ],
  [
    "node-redis",
    async ({ port }) => {
      const client = createSentinel({
        name: "pool",
        sentinelRootNodes: [{ host: "127.0.0.1", port }],
        scanInterval: 500,
      });
      client.on("error", () => {});
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
];

describe("RedisStore behind Sentinel", () => {
  const rigs = new Rigs();
  afterEach(() => rigs.end());
  afterAll(() => rigs.stopWatching());

  for (const [name, opens] of clients) {
    it(`goes on alone while another server is made master, and shares again on that one (${name})`, async () => {
      const master = rigs.ends(await RedisProcess.start());
      const replica = rigs.ends(await RedisProcess.start(["--replicaof", "127.0.0.1", String(master.port)]));
      await saying(replica, "master_link_status:up", "INFO", "replication");
      const sentinel = rigs.ends(
        await RedisProcess.sentinel([
          `sentinel monitor pool 127.0.0.1 ${master.port} 1`,
          "sentinel down-after-milliseconds pool 300",
          "sentinel failover-timeout pool 3000",
        ]),
      );
      await saying(sentinel, String(replica.port), "SENTINEL", "REPLICAS", "pool");
      const three = await rigs.joined(3, () => opens(sentinel));
      const load = new Load(three, wanted);
      await until(() => load.isServed() && load.granted > 100);
      // What a master had no time to tell its replica is lost with it.
      const resume = await load.pause();
      await replicated(master);
      await master.kill();
      resume();
      await until(() => three.every(isAlone));
      await saying(replica, "role:master", "INFO", "replication");
      await saying(sentinel, String(replica.port), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pool");
      await Promise.all(three.map((rig) => reached(rig)));
      await until(() => three.every(isShared) && load.isServed(), 2000);
      await load.stop();
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(limit);
      await until(async () => ((await usedOf(three[0] as Rig, wanted)) ?? 0) >= load.granted, 3000).catch(async () => {
        expect(await usedOf(three[0] as Rig, wanted)).toBeGreaterThanOrEqual(load.granted);
      });
    });
  }
});
