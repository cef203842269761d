import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import type { KeyConfig, Limit } from "rotating-fetch";
import { RedisStore } from "rotating-fetch/redis";
import type { ProviderLimit } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BuiltPrograms, buildPrograms } from "../support/built-programs.ts";
import { ownTime } from "../support/own-time.ts";
import { CrewMember } from "./support/crew.ts";
import type { SeenRequest } from "./support/provider.ts";
import { ProviderProcess } from "./support/provider-process.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { places, until } from "./support/shared-limits.ts";
import type { WorkerOrders, WorkerSums } from "./support/worker.ts";

const processes = 8;
const windowMs = 2000;
/** 15 s unless told otherwise: `SOAK_SECONDS=60`. */
const seconds = Number(process.env["SOAK_SECONDS"] ?? 15);

interface Outcome {
  readonly seen: readonly SeenRequest[];
  /** Of those that lived to tell. */
  readonly sums: readonly WorkerSums[];
  readonly stalledMs: number;
  /** Share of the time in which a process that only waits could run. */
  readonly ownShare: number;
}

const newSecret = (): string => `test-${randomBytes(16).toString("hex")}`;
const keys = [
  { id: "a1", account: "a", secret: newSecret() },
  { id: "a2", account: "a", secret: newSecret() },
  { id: "b", account: "b", secret: newSecret() },
  { id: "c", account: "c", secret: newSecret() },
] as const satisfies readonly KeyConfig[];
const known = keys.map(({ account, secret }) => ({ account, secret }));
const limits = [
  { id: "key", requests: 20, per: windowMs, scope: "key" },
  { id: "account", requests: 35, per: windowMs, scope: "account" },
  { id: "tokens", tokens: 3000, per: windowMs, scope: "account" },
] as const satisfies readonly (Limit & ProviderLimit)[];
/** Of each account: the two keys of `a` share one limit that is lower than both together. */
const perWindow = { a: 35, b: 20, c: 20 } as const;
/** So long may a process on a machine with fewer cores than processes be kept from sending what it reserved. */
const guardMs = 200;
/** Until each process has done everything once, and its first requests of a cold process have left the windows. */
const warmUpMs = 5000;
/** Of three runs, milliseconds. */
const timeout = 3 * (warmUpMs + seconds * 1000 + 20_000);

describe("a pool that eight processes share", () => {
  let server: RedisProcess;
  let programs: BuiltPrograms;
  let provider: ProviderProcess;
  const crew: CrewMember[] = [];

  beforeAll(async () => {
    const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
    const sources = { worker: at("support/worker.ts"), provider: at("support/provider.ts") };
    [server, programs] = await Promise.all([RedisProcess.start(), buildPrograms(sources, at("."))]);
  });
  afterEach(end);
  afterAll(() => Promise.all([server.end(), programs.remove()]));

  function ordersFor(pool: string, given: Partial<WorkerOrders> = {}): WorkerOrders {
    return {
      redisPort: server.port,
      pool,
      providerUrl: provider.url,
      baseURL: provider.baseURL,
      keys,
      limits,
      atOnce: 12,
      skewMs: 0,
      redisDelayMs: 0,
      leaseMs: 60_000,
      guardMs,
      // Eight processes on two cores wait for each other, not for Redis.
      commandTimeoutMs: 1000,
      ...given,
    };
  }

  async function hire(orders: WorkerOrders): Promise<CrewMember> {
    const member = new CrewMember(programs.pathOf("worker"), orders);
    crew.push(member);
    await member.ready;
    return member;
  }

  async function start(
    given: (worker: number) => Partial<WorkerOrders>,
    held: typeof limits = limits,
  ): Promise<string> {
    provider = await ProviderProcess.start(programs.pathOf("provider"), {
      keys: known,
      limits: held,
      completionTokens: 5,
    });
    const pool = randomUUID();
    await Promise.all(Array.from({ length: processes }, (_, worker) => hire(ordersFor(pool, given(worker)))));
    await provider.forget();
    for (const member of crew) member.go();
    return pool;
  }

  async function end(): Promise<void> {
    await Promise.all(crew.splice(0).map((member) => member.kill()));
    await provider.end();
  }

  /**
   * Nothing is refused, and so much is used. A run on a machine that stood still for half as long as requests are allowed
   * for, or longer, says nothing of the pool where it falls short: it is printed, and done again. Where it stood still in all of
   * three, a limit is used in the time that there was: a place is held for as long as its request is kept from running.
   */
  async function expectUse(name: string, least: number, run: () => Promise<Outcome>): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { seen, sums, stalledMs, ownShare } = await run();
      const refusals = refusalsIn(seen);
      const used = utilisation(seen);
      const alone = sums.filter((each) => each.alone > 0);
      process.stdout.write(
        `${name}: ${seen.length} requests, ${refusals.length} refused, ${(used * 100).toFixed(1)} % used, ` +
          `held up for ${stalledMs.toFixed()} ms at most, and for ${((1 - ownShare) * 100).toFixed(1)} % of the time\n`,
      );
      const isShort = refusals.length > 0 || used < least || alone.length > 0;
      if (isShort && stalledMs > guardMs / 2 && tries < 3) {
        await end();
        continue;
      }
      expect(refusals).toEqual([]);
      expect(alone).toEqual([]);
      expect(used).toBeGreaterThanOrEqual(stalledMs > guardMs / 2 ? least * ownShare : least);
      return;
    }
  }

  async function stop(): Promise<WorkerSums[]> {
    for (const member of crew) member.stop();
    const sums = await Promise.all(crew.map((member) => member.sums));
    return sums.filter((each) => each !== undefined);
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  const variants: [name: string, given: (worker: number) => Partial<WorkerOrders>][] = [
    ["under saturating load", () => ({})],
    ["with clocks up to five seconds apart", (worker) => ({ skewMs: (worker - 3.5) * (10_000 / 7) })],
    ["with five milliseconds more to Redis", () => ({ redisDelayMs: 5 })],
  ];
  for (const [name, given] of variants) {
    it(`is never refused by a strict provider, and uses 95 % of what it allows, ${name}`, {
      timeout,
    }, async () => {
      await expectUse(name, 0.95, async () => {
        await start(given);
        ownTime.takeLongestStall();
        const share = ownShareSince();
        await pause(warmUpMs + seconds * 1000);
        const ownShare = share();
        const seen = await provider.seen();
        const sums = await stop();
        expect(sums).toHaveLength(processes);
        const stalledMs = Math.max(ownTime.takeLongestStall(), ...sums.map((each) => each.stalledMs));
        return { seen, sums, stalledMs, ownShare };
      });
    });
  }

  it("is not refused either where processes are killed, and their places come back with their lease", {
    timeout,
  }, async () => {
    const leaseMs = 1500;
    const held = [...limits, { id: "places", concurrency: 6, scope: "account" }] as unknown as typeof limits;
    await expectUse("with processes killed", 0.85, async () => {
      const pool = await start(() => ({ limits: held, leaseMs }), held);
      ownTime.takeLongestStall();
      const share = ownShareSince();
      const endsAt = performance.now() + warmUpMs + seconds * 1000;
      while (performance.now() < endsAt) {
        await pause(3000);
        const [victim] = crew.splice(Math.floor(Math.random() * crew.length), 1);
        await victim?.kill();
        const next = await hire(ordersFor(pool, { limits: held, leaseMs }));
        next.go();
      }
      const ownShare = share();
      const seen = await provider.seen();
      await Promise.all(crew.map((member) => member.kill()));
      const client = new Redis({ port: server.port, host: "127.0.0.1" });
      const buckets = ["a", "b", "c"].map((account) => places(`account:generic/${account}#places`, 6));
      const store = new RedisStore({ client, pool });
      await until(async () => (await store.read([], buckets)).buckets.every(({ used }) => used === 0), leaseMs + 500);
      await store.close();
      client.disconnect();
      return { seen, sums: [], stalledMs: ownTime.takeLongestStall(), ownShare };
    });
  });
});

/** Tells which share of the time from now on this process could run. */
function ownShareSince(): () => number {
  const [began, ownBegan] = [performance.now(), ownTime.now()];
  return () => (ownTime.now() - ownBegan) / (performance.now() - began);
}

function refusalsIn(seen: readonly SeenRequest[]): unknown[] {
  return seen
    .filter(({ judged }) => judged === "refused")
    .map(({ at, account, judged, refusedBy }) => ({ at, account, judged, by: refusedBy?.id }));
}

/**
 * How much of the request limits is used while there is always somebody who waits: as long as it should take for so many whole
 * windows, against how long it took. The mean of all accounts.
 */
function utilisation(seen: readonly SeenRequest[]): number {
  const from = (seen[0]?.at ?? 0) + warmUpMs;
  const shares = Object.entries(perWindow).map(([account, limit]) => {
    const times = seen.filter((each) => each.account === account && each.at >= from).map(({ at }) => at);
    const windows = Math.floor((times.length - 1) / limit);
    return (windows * windowMs) / ((times[windows * limit] as number) - (times[0] as number));
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
