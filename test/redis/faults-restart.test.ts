import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Load } from "./support/load.ts";
import { RedisProcess } from "./support/redis-process.ts";
import {
  bothClients,
  commandTimeoutMs,
  ioredis,
  isAlone,
  isShared,
  type Rig,
  Rigs,
  readingOf,
  usedOf,
} from "./support/rigs.ts";
import { ask, places, rolling, until, wanting } from "./support/shared-limits.ts";

/** Nobody comes near it. */
const limit = 20_000;
const wanted = wanting("a", rolling("a#r", limit, 60_000));
const few = 150;
const wantedOfFew = wanting("b", rolling("b#r", few, 60_000));

describe("RedisStore whose server is killed and started again", () => {
  const rigs = new Rigs();
  afterEach(() => rigs.end());
  afterAll(() => rigs.stopWatching());

  /** Kills the server under load, starts it again, and waits until it serves all of them. */
  async function killAndRestart(server: RedisProcess, three: readonly Rig[], load: Load): Promise<void> {
    await server.kill();
    await until(() => three.every(isAlone));
    const alone = load.grantedAlone;
    await until(() => load.grantedAlone > alone + 100);
    await server.restart();
    await until(() => three.every(isShared) && load.isServed(), 2000);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(limit);
  }

  /** All that was given out counts. */
  async function expectCounted(rig: Rig, load: Load): Promise<void> {
    await until(async () => ((await usedOf(rig, load.wanted)) ?? 0) >= load.granted, 2000).catch(async () => {
      expect(await usedOf(rig, load.wanted)).toBeGreaterThanOrEqual(load.granted);
    });
  }

  for (const [name, opens] of bothClients) {
    it(`tells one that comes back empty all that was taken before and meanwhile (${name})`, async () => {
      const server = rigs.ends(await RedisProcess.start());
      const three = await rigs.joined(3, () => opens(server.port));
      const load = new Load(three, wanted);
      await until(() => load.granted > 200);
      await killAndRestart(server, three, load);
      await expectCounted(three[0] as Rig, load);
    });

    it(`counts on where one that kept its data ended (${name})`, async () => {
      const server = rigs.ends(await RedisProcess.start(["--appendonly", "yes", "--appendfsync", "always"]));
      const three = await rigs.joined(3, () => opens(server.port));
      const load = new Load(three, wanted);
      await until(() => load.granted > 200);
      await killAndRestart(server, three, load);
      await expectCounted(three[0] as Rig, load);
      // What was under way when it was killed may have been granted, and nobody heard of it; or it was asked again.
      expect(await usedOf(three[0] as Rig, wanted)).toBeLessThanOrEqual(load.granted + 24);
    });
  }

  it("tells one that comes back with old data what was taken since", async () => {
    const server = rigs.ends(await RedisProcess.start());
    const three = await rigs.joined(3, () => ioredis(server.port));
    const load = new Load(three, wanted);
    await until(() => load.granted > 100);
    await server.command("SAVE");
    // Each process gives a sign of life meanwhile, by which it will know that the data are old.
    const savedAt = performance.now();
    await until(() => performance.now() > savedAt + 1000);
    await killAndRestart(server, three, load);
    await expectCounted(three[0] as Rig, load);
  });

  it("gives out what was left and no more, though everything is lost on the way", async () => {
    const server = rigs.ends(await RedisProcess.start());
    const three = await rigs.joined(3, () => ioredis(server.port));
    const load = new Load(three, wantedOfFew, 1);
    await until(() => load.granted > 30);
    await server.kill();
    await until(() => three.every(isAlone));
    await server.restart();
    await until(() => three.every(isShared), 2000);
    await expectCounted(three[0] as Rig, load);
    await until(() => load.granted >= few - 10, 4000);
    const before = load.answers;
    await until(() => load.answers > before + 200);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(few);
  });

  it("knows again who holds a place, and who gives it back", async () => {
    const server = rigs.ends(await RedisProcess.start());
    const [one, other] = (await rigs.joined(2, () => ioredis(server.port))) as [Rig, Rig];
    const busy = wanting("c", places("c#n", 4));
    const held = [await ask(one.store, busy), await ask(other.store, busy)];
    await server.kill();
    held.push(await ask(one.store, busy));
    await server.restart();
    await until(() => [one, other].every(isShared), 2000);
    await until(async () => (await usedOf(other, busy)) === 3, 2000);
    for (const [place, { store }] of [one, other, one].entries()) {
      const reservation = held[place];
      if (reservation?.granted) await store.settle([{ reservation, outcome: "success", sent: "yes" }]);
    }
    await until(async () => (await usedOf(one, busy)) === 0, 2000);
  });

  it("lets the longer of two cooldowns hold that were learnt apart, and forgets none", async () => {
    const server = rigs.ends(await RedisProcess.start(["--appendonly", "yes", "--appendfsync", "always"]));
    const [one, other] = (await rigs.joined(2, () => ioredis(server.port))) as [Rig, Rig];
    const rest = (scope: string, forMs: number) =>
      ({ scope, set: { forMs }, reason: "rate_limit", source: "authoritative" }) as const;
    await one.store.cooldown([rest("key:d", 20_000)]);
    await server.kill();
    await one.store.cooldown([rest("account:d", 50_000)]);
    await other.store.cooldown([rest("account:d", 10_000), rest("key:d", 5000)]);
    expect((await ask(one.store, wanting("d"))).granted).toBe(false);
    await server.restart();
    await until(() => [one, other].every(isShared), 2000);
    for (const rig of [one, other]) {
      const { now, scopes } = await readingOf(rig, wanting("d"));
      const forMs = scopes.map(({ until: end }) => end - now);
      expect(forMs[0]).toBeGreaterThan(15_000);
      expect(forMs[0]).toBeLessThan(20_000);
      expect(forMs[1]).toBeGreaterThan(45_000);
    }
  });
});
