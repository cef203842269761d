import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { KeyConfig, Limit } from "rotating-fetch";
import { createProviderEmulator, type ProviderEmulator, type ProviderLimit } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BuiltPrograms, buildPrograms } from "../support/built-programs.ts";
import { CrewMember } from "./support/crew.ts";
import { RedisProcess } from "./support/redis-process.ts";
import type { WorkerOrders, WorkerSums } from "./support/worker.ts";

const processes = 8;
const windowMs = 2000;
/** 15 s unless told otherwise: `SOAK_SECONDS=60`. */
const seconds = Number(process.env["SOAK_SECONDS"] ?? 15);

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
/** The two keys of one account together, and the others by themselves. */
const perWindow = 35 + 20 + 20;

describe("a pool that eight processes share", () => {
  let server: RedisProcess;
  let programs: BuiltPrograms;
  let emulator: ProviderEmulator;
  const crew: CrewMember[] = [];

  beforeAll(async () => {
    const home = fileURLToPath(new URL(".", import.meta.url));
    const worker = fileURLToPath(new URL("support/worker.ts", import.meta.url));
    [server, programs] = await Promise.all([RedisProcess.start(), buildPrograms({ worker }, home)]);
  });
  afterEach(async () => {
    await Promise.all(crew.splice(0).map((member) => member.kill()));
    await emulator.stop();
  });
  afterAll(() => Promise.all([server.end(), programs.remove()]));

  function ordersFor(pool: string, given: Partial<WorkerOrders> = {}): WorkerOrders {
    return {
      redisPort: server.port,
      pool,
      providerUrl: emulator.url,
      baseURL: emulator.baseURL,
      keys,
      limits,
      atOnce: 12,
      skewMs: 0,
      redisDelayMs: 0,
      leaseMs: 60_000,
      // So long may a process on a machine with fewer cores than processes be kept from sending what it reserved.
      guardMs: 200,
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

  async function start(given: (worker: number) => Partial<WorkerOrders>): Promise<string> {
    emulator = createProviderEmulator({ keys: known, limits, completionTokens: 5 });
    await emulator.start();
    const pool = randomUUID();
    await Promise.all(Array.from({ length: processes }, (_, worker) => hire(ordersFor(pool, given(worker)))));
    emulator.clear();
    for (const member of crew) member.go();
    return pool;
  }

  async function stop(): Promise<WorkerSums[]> {
    const arrivals = emulator.arrivals.length;
    for (const member of crew) member.stop();
    const sums = await Promise.all(crew.map((member) => member.sums));
    expect(arrivals).toBeGreaterThan(0);
    return sums.filter((each) => each !== undefined);
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  /** Share of what the provider would have accepted in that time. */
  function utilisation(arrivals: number, ms: number): number {
    return arrivals / (perWindow * (ms / windowMs));
  }

  const variants: [name: string, given: (worker: number) => Partial<WorkerOrders>][] = [
    ["under saturating load", () => ({})],
    ["with clocks up to five seconds apart", (worker) => ({ skewMs: (worker - 3.5) * (10_000 / 7) })],
    ["with five milliseconds more to Redis", () => ({ redisDelayMs: 5 })],
  ];
  for (const [name, given] of variants) {
    it(`is never refused by a strict provider, and uses 95 % of what it allows, ${name}`, {
      timeout: 120_000,
    }, async () => {
      await start(given);
      await pause(seconds * 1000);
      const used = utilisation(emulator.arrivals.length, seconds * 1000);
      const sums = await stop();
      expect(emulator.refusals()).toHaveLength(0);
      expect(sums.map(({ alone }) => alone)).toEqual(Array(processes).fill(0));
      expect(used).toBeGreaterThanOrEqual(0.95);
    });
  }

  it("is not refused either where processes are killed, and their places come back with their lease", {
    timeout: 120_000,
  }, async () => {
    const places = [...limits, { id: "places", concurrency: 6, scope: "account" }] as const;
    const pool = await start(() => ({ limits: places, leaseMs: 1500 }));
    const endsAt = performance.now() + seconds * 1000;
    while (performance.now() < endsAt) {
      await pause(3000);
      const [victim] = crew.splice(Math.floor(Math.random() * crew.length), 1);
      await victim?.kill();
      const next = await hire(ordersFor(pool, { limits: places, leaseMs: 1500 }));
      next.go();
    }
    const used = utilisation(emulator.arrivals.length, seconds * 1000);
    await stop();
    expect(emulator.refusals()).toHaveLength(0);
    expect(used).toBeGreaterThanOrEqual(0.85);
  });
});
