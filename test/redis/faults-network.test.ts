import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FallbackReservation } from "../../src/stores/redis/outage/local-fallback.ts";
import { expectCounted } from "./support/counted.ts";
import { Load } from "./support/load.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { bothClients, commandTimeoutMs, ioredis, isAlone, isShared, type Rig, Rigs } from "./support/rigs.ts";
import { ask, rolling, until, wanting } from "./support/shared-limits.ts";
import { Wire } from "./support/wire.ts";

/** Nobody comes near it. */
const limit = 20_000;
const wanted = wanting("a", rolling("a#r", limit, 60_000));
const few = 150;
const wantedOfFew = wanting("b", rolling("b#r", few, 60_000));

describe("RedisStore behind a network that fails", () => {
  const rigs = new Rigs();
  let server: RedisProcess;

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(() => rigs.end());
  afterAll(() => {
    rigs.stopWatching();
    return server.end();
  });

  for (const [name, opens] of bothClients) {
    it(`goes on in its share while connections are silent, and shares again when they speak (${name})`, async () => {
      const wire = rigs.ends(await Wire.to(server.port));
      const three = await rigs.joined(3, () => opens(wire.port));
      const load = new Load(three, wantedOfFew);
      await until(() => load.granted > 30);
      wire.silence();
      await until(() => three.every(isAlone));
      // Until nobody has anything left of its share.
      let before = -1;
      while (before < load.granted) {
        before = load.granted;
        const answers = load.answers;
        await until(() => load.answers > answers + 100);
      }
      expect(load.granted).toBeGreaterThan(few - 10);
      wire.heal();
      await until(() => three.every(isShared), 2000);
      await load.stop();
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(few);
      await expectCounted(three[0] as Rig, load);
    });

    it(`loses nothing when a connection is cut in the middle of a reply (${name})`, async () => {
      const wire = rigs.ends(await Wire.to(server.port));
      const two = await rigs.joined(2, () => opens(wire.port));
      const load = new Load(two, wanted);
      await until(() => load.isServed() && load.granted > 30);
      for (let cuts = 0; cuts < 3; cuts++) {
        wire.cutReplyAfter(9);
        const before = load.answers;
        await until(() => load.answers > before + 30);
      }
      await until(() => two.every(isShared) && load.isServed(), 2000);
      await load.stop();
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(limit);
      // Nobody heard of what the cut replies granted, so nobody could give it back: twice two for each cut.
      await expectCounted(two[0] as Rig, load, 12);
    });
  }

  it("gives back what a slow network grants too late", async () => {
    const wire = rigs.ends(await Wire.to(server.port));
    const two = await rigs.joined(2, () => ioredis(wire.port));
    const load = new Load(two, wanted);
    await until(() => load.isServed() && load.granted > 30);
    wire.holdReplies(10 * commandTimeoutMs);
    await until(() => two.every(isAlone));
    // Alive, and too slow to be of use: nobody goes back and forth.
    const before = load.answers;
    await until(() => load.answers > before + 1200);
    expect(two.map(({ states }) => states)).toEqual([["alone"], ["alone"]]);
    wire.holdReplies(0);
    await until(() => two.every(isShared) && load.isServed(), 2000);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(limit);
    await expectCounted(two[0] as Rig, load);
  });

  it("comes back over a new connection where the old one stays silent and the client gives it up", async () => {
    const wire = rigs.ends(await Wire.to(server.port));
    const [rig] = (await rigs.joined(1, () => {
      const client = new Redis({ port: wire.port, host: "127.0.0.1", retryStrategy: () => 100, socketTimeout: 1000 });
      client.on("error", () => {});
      return { client, end: () => client.disconnect() };
    })) as [Rig];
    const load = new Load([rig], wanted);
    await until(() => load.isServed());
    wire.silence();
    await until(() => isAlone(rig));
    await until(() => isShared(rig) && load.isServed(), 3000);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(limit);
  });

  it("uses an answer that came while the process itself was busy", async () => {
    const [rig] = (await rigs.joined(1, () => ioredis(server.port))) as [Rig];
    let alone = 0;
    for (let times = 0; times < 5; times++) {
      const asked = ask(rig.store, wanted);
      await new Promise((resolve) => setImmediate(resolve));
      const busyUntil = performance.now() + commandTimeoutMs * 2;
      while (performance.now() < busyUntil);
      if ((await asked) instanceof FallbackReservation) alone++;
    }
    // On a machine with other things to do, the server too may have had to wait.
    expect(alone).toBeLessThan(3);
  });
});
