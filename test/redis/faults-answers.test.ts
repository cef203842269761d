import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ownTime } from "../support/own-time.ts";
import type { OpenClient } from "./support/clients.ts";
import { bulk, FakeServer } from "./support/fake-server.ts";
import { Load } from "./support/load.ts";
import { RedisProcess } from "./support/redis-process.ts";
import {
  bothClients,
  commandTimeoutMs,
  ioredis,
  isAlone,
  isShared,
  nodeRedis,
  type Opens,
  type Rig,
  Rigs,
  usedOf,
} from "./support/rigs.ts";
import { ask, rolling, until, wanting } from "./support/shared-limits.ts";

const wanted = wanting("a", rolling("a#r", 40, 60_000));
const now = Date.now();

/** Asks often, at once and one after the other, and reports what became of each. */
async function granted({ store }: Rig): Promise<number> {
  let count = 0;
  for (let round = 0; round < 3; round++) {
    const startedAt = ownTime.now();
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(store, wanted)));
    expect(ownTime.now() - startedAt).toBeLessThan(commandTimeoutMs + 200);
    for (const reservation of answers) {
      if (!reservation.granted) continue;
      count++;
      void store.settle([{ reservation, outcome: "success", sent: "yes" }]);
    }
  }
  return count;
}

describe("RedisStore with a server that answers nonsense", () => {
  const rigs = new Rigs();
  afterEach(() => rigs.end());
  afterAll(() => rigs.stopWatching());

  const says: [what: string, says: (socket: Socket) => void][] = [
    ["nothing", () => {}],
    ["what is no reply", (socket) => socket.write("?!#\r\n$7\r\nnope")],
    ["a reply that never ends", (socket) => socket.write("$9999999\r\n{")],
    ["what no script says", (socket) => socket.write("+OK\r\n")],
    ["a list of lists", (socket) => socket.write("*2\r\n*0\r\n*1\r\n:7\r\n")],
    ["null", (socket) => socket.write("$-1\r\n")],
    ["a number", (socket) => socket.write(":3\r\n")],
    ["half of an answer", (socket) => socket.write(bulk('{"n":'))],
    ["a time that is none", (socket) => socket.write(bulk('{"n":1e300,"e":"x","r":[[0,0,1,1]]}'))],
    ["goodbye", (socket) => socket.destroy()],
    ...[
      "ERR no",
      "LOADING Redis is loading",
      "READONLY it is a replica",
      "MISCONF no disk",
      "BUSY it runs",
      "NOSCRIPT no",
    ].map((error): [string, (socket: Socket) => void] => [error, (socket) => socket.write(`-${error}\r\n`)]),
  ];
  for (const [name, opens] of bothClients) {
    it.each(says)(`takes its share where the server says %s (${name})`, async (_what, answers) => {
      const fake = rigs.ends(await FakeServer.start(answers));
      const rig = rigs.store(await opens(fake.port), { pool: randomUUID() });
      expect(await granted(rig)).toBe(10);
      expect(rig.states).toEqual(["alone"]);
    });
  }

  // These have a time and an epoch, and nothing else that makes sense.
  it.each([
    ["no reply to the question", {}],
    ["too few replies", { r: [] }],
    ["replies that are none", { r: Array(40).fill(null) }],
    ["a candidate that nobody named", { r: Array(40).fill([7, 0, 1, 1]) }],
    ["a refusal by nobody", { r: Array(40).fill([[2, 99, 1]]) }],
    ["states of nothing", { r: Array(40).fill([0, 0, 1, 1]), t: [null, 7, []] }],
    ["instances without number", { h: "no", r: Array(40).fill([0, 0, 1, 1]) }],
  ])("answers every request where the answer has %s", async (_what, nonsense) => {
    const answer = bulk(JSON.stringify({ n: now, e: "epoch", ...nonsense }));
    const fake = rigs.ends(await FakeServer.start((socket) => socket.write(answer)));
    const rig = rigs.store(await ioredis(fake.port), { pool: randomUUID() });
    // Not by the answer: what makes no sense refuses nobody.
    expect(await granted(rig)).toBeGreaterThan(0);
  });
});

describe("RedisStore with a server that refuses", () => {
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

  const password = randomUUID();
  const asUser: [name: string, opens: (username: string) => OpenClient | Promise<OpenClient>][] = [
    [
      "ioredis",
      (username) => {
        const client = new Redis({ port: server.port, host: "127.0.0.1", username, password });
        client.on("error", () => {});
        return { client, end: () => client.disconnect() };
      },
    ],
    [
      "node-redis",
      async (username) => {
        const client = createClient({ username, password, socket: { port: server.port, host: "127.0.0.1" } });
        client.on("error", () => {});
        await client.connect();
        return { client, end: () => client.destroy() };
      },
    ],
  ];
  for (const [name, opens] of asUser) {
    it(`takes its share as a user without rights, tells why, and shares when it has them (${name})`, async () => {
      await server.command(
        "ACL",
        "SETUSER",
        `poor-${name}`,
        "reset",
        "on",
        `>${password}`,
        "~rf:*",
        "+@connection",
        "+info",
      );
      const rig = rigs.store(await opens(`poor-${name}`), { pool: randomUUID() });
      expect(await granted(rig)).toBe(10);
      expect(String(rig.causes[0])).toContain("NOPERM");
      await server.command("ACL", "SETUSER", `poor-${name}`, "+@all", "~*", "&*");
      await until(() => isShared(rig), 2000);
      await until(async () => (await usedOf(rig, wanted)) === 10, 2000);
    });

    it(`shares as a user who may not publish, which new users may not (${name})`, async () => {
      await server.command("ACL", "SETUSER", `quiet-${name}`, "reset", "on", `>${password}`, "~*", "+@all");
      const pool = randomUUID();
      const [one, other] = [
        rigs.store(await opens(`quiet-${name}`), { pool }),
        rigs.store(await opens(`quiet-${name}`), { pool }),
      ];
      one.store.watch?.(() => {});
      const rest = { scope: "key:a", set: { forMs: 5000 }, reason: "rate_limit", source: "heuristic" } as const;
      await one.store.cooldown([rest]);
      expect((await ask(other.store, wanted)).granted).toBe(false);
      expect([one, other].flatMap(({ states }) => states)).toEqual([]);
    });
  }

  it("takes its share where it is given a replica that only reads", async () => {
    const replica = rigs.ends(await RedisProcess.start(["--replicaof", "127.0.0.1", String(server.port)]));
    const rig = rigs.store(await nodeRedis(replica.port), { pool: randomUUID() });
    expect(await granted(rig)).toBe(10);
    expect(String(rig.causes[0])).toContain("READONLY");
    await replica.command("REPLICAOF", "NO", "ONE");
    await until(() => isShared(rig), 2000);
    await until(async () => (await usedOf(rig, wanted)) === 10, 2000);
  });

  it("goes on while somebody else's script keeps the server busy", async () => {
    const own = rigs.ends(await RedisProcess.start(["--busy-reply-threshold", "100"]));
    const three = await rigs.joined(3, () => ioredis(own.port));
    const much = wanting("b", rolling("b#r", 20_000, 60_000));
    const load = new Load(three, much);
    await until(() => load.isServed() && load.granted > 30);
    const endless = own.command("EVAL", "while true do end", "0").catch(() => "");
    await until(() => three.every(isAlone));
    const { answers } = load;
    await until(() => load.answers > answers + 300);
    await own.command("SCRIPT", "KILL");
    await endless;
    await until(() => three.every(isShared) && load.isServed(), 2000);
    await load.stop();
    load.expectAnswersInTime(commandTimeoutMs);
    load.expectWithinShares(20_000);
    await until(async () => ((await usedOf(three[0] as Rig, much)) ?? 0) >= load.granted, 2000);
  });

  it("does without a client that its owner closed", async () => {
    const open: Opens = ioredis;
    const opened = await open(server.port);
    const rig = rigs.store(opened, { pool: randomUUID() });
    await ask(rig.store, wanted);
    opened.end();
    expect(await granted(rig)).toBeGreaterThan(0);
    expect(isAlone(rig)).toBe(true);
  });

  it("does not mind a listener of states that throws", async () => {
    const own = rigs.ends(await RedisProcess.start());
    const pool = randomUUID();
    const told: string[] = [];
    const onState = (state: string): void => {
      told.push(state);
      throw new Error("Nobody can be told");
    };
    const rig = rigs.store(await ioredis(own.port), { pool, onState });
    await ask(rig.store, wanted);
    await own.kill();
    expect(await granted(rig)).toBeGreaterThan(0);
    await own.restart();
    await until(() => told.at(-1) === "shared", 2000);
    await until(async () => (await rig.store.reserve([wanted], { leaseMs: 1000, purpose: "request" })).granted);
  });
});
