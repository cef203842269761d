import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { expectCounted } from "./support/counted.ts";
import { Load } from "./support/load.ts";
import { RedisProcess } from "./support/redis-process.ts";
import {
  bothClients,
  commandTimeoutMs,
  ioredis,
  isAlone,
  isShared,
  lookAt,
  type Rig,
  Rigs,
  usedOf,
} from "./support/rigs.ts";
import { rolling, room, until, wanting } from "./support/shared-limits.ts";

/** Nobody comes near it. */
const limit = 20_000;
const wanted = wanting("a", rolling("a#r", limit, 60_000));
const few = 150;
const wantedOfFew = wanting("b", rolling("b#r", few, 60_000));

describe("RedisStore whose server is slow, full or forgets", () => {
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

  /** Until nobody gets anything any more. */
  async function exhausted(load: Load): Promise<void> {
    let before = -1;
    while (before < load.granted) {
      before = load.granted;
      const { answers } = load;
      await until(() => load.answers > answers + 100);
    }
  }

  const pauses: [what: string, pause: (server: RedisProcess) => unknown, go: (server: RedisProcess) => unknown][] = [
    ["paused", (it) => it.command("CLIENT", "PAUSE", "1500", "ALL"), () => {}],
    ["paused for what writes", (it) => it.command("CLIENT", "PAUSE", "1500", "WRITE"), () => {}],
    ["stopped by its system", (it) => it.signal("SIGSTOP"), (it) => it.signal("SIGCONT")],
  ];
  for (const [name, opens] of bothClients) {
    for (const [what, pause, go] of pauses) {
      it(`shares what was left while the server is ${what}, and gives back what comes late (${name})`, async () => {
        const three = await rigs.joined(3, () => opens(server.port));
        const load = new Load(three, wantedOfFew);
        await until(() => load.granted > 30);
        await pause(server);
        await until(() => three.every(isAlone));
        await exhausted(load);
        go(server);
        await until(() => three.every(isShared), 1500 + 2000);
        await load.stop();
        expect(load.grantedAlone).toBeGreaterThan(0);
        load.expectAnswersInTime(commandTimeoutMs);
        load.expectWithinShares(few);
        await expectCounted(three[0] as Rig, load);
      });
    }

    it(`does not notice that the server forgot the script (${name})`, async () => {
      const three = await rigs.joined(3, () => opens(server.port));
      const load = new Load(three, wanted, 4);
      for (let times = 0; times < 5; times++) {
        const { answers } = load;
        await until(() => load.answers > answers + 60);
        await server.command("SCRIPT", "FLUSH");
      }
      await load.stop();
      expect(load.grantedAlone).toBe(0);
      expect(three.flatMap(({ states }) => states)).toEqual([]);
      load.expectAnswersInTime(commandTimeoutMs);
      await expectCounted(three[0] as Rig, load);
    });

    it(`gives out no more than there is when everything is deleted under load (${name})`, async () => {
      const own = rigs.ends(await RedisProcess.start());
      const three = await rigs.joined(3, () => opens(own.port));
      const load = new Load(three, wantedOfFew, 1);
      for (let times = 0; times < 2; times++) {
        const { granted } = load;
        await until(() => load.granted > granted + 30);
        await own.command("FLUSHALL");
      }
      await exhausted(load);
      await until(async () => ((await usedOf(three[0] as Rig, wantedOfFew)) ?? 0) >= load.granted, 3000);
      await exhausted(load);
      await load.stop();
      expect(load.granted).toBeGreaterThan(few - 10);
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(few);
      await until(async () => ((await usedOf(three[0] as Rig, wantedOfFew)) ?? 0) >= load.granted, 3000);
    });
  }

  it("has one who has nothing to do tell again what it took, too", async () => {
    const own = rigs.ends(await RedisProcess.start());
    const [busy, idle] = (await rigs.joined(2, () => ioredis(own.port))) as [Rig, Rig];
    const before = new Load([idle], wanted);
    await until(() => before.granted > 50);
    await before.stop();
    await own.command("FLUSHALL");
    const load = new Load([busy], wanted, 1);
    // From the first grant of the server that is used again, everything must be counted.
    await until(() => load.isServed(), 2000);
    const used = await usedOf(busy, wanted);
    await load.stop();
    expect(used).toBeGreaterThanOrEqual(before.granted);
  });

  it("does not take itself for the only one when it is the first to be heard after a loss", async () => {
    const own = rigs.ends(await RedisProcess.start());
    const three = await rigs.joined(3, () => ioredis(own.port));
    const thirty = wanting("c", rolling("c#r", 30, 60_000));
    await lookAt(three, thirty);
    await own.command("FLUSHALL");
    for (const { store } of three) await store.renew();
    const granted = await Promise.all(three.map(({ store }) => room(store, thirty)));
    expect(granted.map(({ length }) => length)).toEqual([10, 10, 10]);
  });

  it("loses nothing when the pool's epoch alone is evicted", async () => {
    const three = await rigs.joined(3, () => ioredis(server.port));
    const load = new Load(three, wantedOfFew, 1);
    await until(() => load.granted > 30);
    const keys = (await server.command("KEYS", "*epoch")).split("\r\n").filter((line) => line.startsWith("{"));
    await server.command("DEL", ...keys);
    await exhausted(load);
    await load.stop();
    load.expectWithinShares(few);
    load.expectAnswersInTime(commandTimeoutMs);
  });

  for (const [name, opens] of bothClients) {
    it(`goes on with shares while the server is out of memory, and reports them when there is room (${name})`, async () => {
      const own = rigs.ends(await RedisProcess.start(["--maxmemory-policy", "noeviction"]));
      const three = await rigs.joined(3, () => opens(own.port));
      const load = new Load(three, wantedOfFew);
      await until(() => load.granted > 30);
      await own.command("CONFIG", "SET", "maxmemory", "1");
      await until(() => three.every(isAlone));
      await exhausted(load);
      await own.command("CONFIG", "SET", "maxmemory", "0");
      await until(() => three.every(isShared), 2000);
      await load.stop();
      expect(String(three[0]?.causes[0])).toContain("OOM");
      load.expectAnswersInTime(commandTimeoutMs);
      load.expectWithinShares(few);
      await expectCounted(three[0] as Rig, load);
    });
  }

  it("gives nothing out while nobody can tell what is left, where it is told so", async () => {
    const two = await rigs.joined(2, () => ioredis(server.port), { insurance: "closed" });
    const load = new Load(two, wanted, 1);
    await until(() => load.granted > 10);
    await server.signal("SIGSTOP");
    await until(() => two.every(isAlone));
    const { answers, granted } = load;
    await until(() => load.answers > answers + 50);
    expect(load.granted).toBe(granted);
    await server.signal("SIGCONT");
    await until(() => load.isServed(), 2000);
    await load.stop();
    expect(load.grantedAlone).toBe(0);
    load.expectAnswersInTime(commandTimeoutMs);
    await expectCounted(two[0] as Rig, load);
  });
});
