import { randomUUID } from "node:crypto";
import { createCluster } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ioredisClusterOf, type OpenClient } from "./support/clients.ts";
import { Load } from "./support/load.ts";
import { RedisCluster, replicated } from "./support/redis-cluster.ts";
import { commandTimeoutMs, isAlone, isShared, type Rig, Rigs, reached, usedOf } from "./support/rigs.ts";
import { rolling, until, wanting } from "./support/shared-limits.ts";

/** Nobody comes near it. */
const limit = 50_000;
const wanted = wanting("a", rolling("a#r", limit, 60_000));

/** As the documentation says: by itself it looks for a new master only after five seconds. */
async function nodeRedisClusterOf({ nodes }: RedisCluster): Promise<OpenClient> {
  const client = createCluster({
    rootNodes: nodes.map(({ url }) => ({ url })),
    defaults: { socket: { reconnectStrategy: 100 } },
    topologyRefreshOnReconnectionAttemptStrategy: 500,
  });
  client.on("error", () => {});
  await client.connect();
  return { client, end: () => client.destroy() };
}

const clients: [name: string, opens: (cluster: RedisCluster) => Promise<OpenClient>][] = [
  ["ioredis", ioredisClusterOf],
  ["node-redis", nodeRedisClusterOf],
];

describe("RedisStore on a cluster that changes", () => {
  const rigs = new Rigs();
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start(1000);
  });
  afterEach(() => rigs.end());
  afterAll(() => {
    rigs.stopWatching();
    return cluster.end();
  });

  async function expectCounted(rig: Rig, load: Load): Promise<void> {
    await until(async () => ((await usedOf(rig, wanted)) ?? 0) >= load.granted, 3000).catch(async () => {
      expect(await usedOf(rig, wanted)).toBeGreaterThanOrEqual(load.granted);
    });
  }

  for (const [name, opens] of clients) {
    it(`moves with its slot from node to node under load, and loses nothing (${name})`, async () => {
      const pool = randomUUID();
      const { slot, master, other } = await cluster.homeOf(pool);
      const three = await rigs.joined(3, () => opens(cluster), { pool });
      const load = new Load(three, wanted);
      await until(() => load.isServed() && load.granted > 100);
      for (const [from, to] of [
        [master, other],
        [other, master],
      ] as const) {
        await cluster.move(slot, from, to);
        await until(() => three.every(isShared) && load.isServed(), 2000);
        const { answers } = load;
        await until(() => load.answers > answers + 100);
      }
      await load.stop();
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(limit);
      await expectCounted(three[0] as Rig, load);
    });

    it(`goes on alone while a master is replaced by its replica, and shares again (${name})`, async () => {
      const pool = randomUUID();
      const own = rigs.ends(await RedisCluster.start(500));
      const { master } = await own.homeOf(pool);
      const replica = await own.addReplicaOf(master);
      const three = await rigs.joined(3, () => opens(own), { pool });
      const load = new Load(three, wanted);
      await until(() => load.isServed() && load.granted > 100);
      // What a master had no time to tell its replica is lost with it.
      const resume = await load.pause();
      await replicated(master);
      await master.kill();
      resume();
      await until(() => three.every(isAlone));
      await own.promoted(replica);
      await Promise.all(three.map((rig) => reached(rig, pool)));
      await until(() => three.every(isShared) && load.isServed(), 2000);
      await load.stop();
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(limit);
      await expectCounted(three[0] as Rig, load);
    });
  }

  it("hardly notices an operator's failover", async () => {
    const pool = randomUUID();
    const { master } = await cluster.homeOf(pool);
    const replica = await cluster.addReplicaOf(master);
    const three = await rigs.joined(3, () => ioredisClusterOf(cluster), { pool });
    const load = new Load(three, wanted);
    await until(() => load.isServed() && load.granted > 100);
    await replica.command("CLUSTER", "FAILOVER");
    await cluster.promoted(replica);
    await until(() => three.every(isShared) && load.isServed(), 2000);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(limit);
    await expectCounted(three[0] as Rig, load);
  });
});
