import { Redis } from "ioredis";
import { systemClock } from "../../../src/clock.ts";
import * as today from "../../../src/index.ts";
import * as redis from "../../../src/stores/redis/index.ts";
import type { Clock } from "../../../src/types.ts";
import { ownTime } from "../../support/own-time.ts";
import type { Version } from "./previous-version.ts";

/** What a worker is told, as JSON in its first message. */
export interface WorkerOrders {
  readonly redisPort: number;
  readonly pool: string;
  readonly providerUrl: string;
  readonly baseURL: string;
  readonly keys: readonly today.KeyConfig[];
  readonly limits: readonly today.Limit[];
  readonly atOnce: number;
  /** How far its wall clock is off, milliseconds. */
  readonly skewMs: number;
  /** Added to every way to Redis, milliseconds. */
  readonly redisDelayMs: number;
  readonly leaseMs: number;
  readonly guardMs: number;
  readonly commandTimeoutMs: number;
  /** Where another version of the package is. @default today's */
  readonly version?: string | undefined;
}

export interface WorkerSums {
  readonly served: number;
  readonly refused: number;
  readonly alone: number;
  /** The longest time it was kept from running while it worked, milliseconds. */
  readonly stalledMs: number;
}

/** One of many processes that share a pool: as many requests at once as it is told, until it is told to stop. */
async function work(orders: WorkerOrders, stopped: () => boolean, ready: () => Promise<void>): Promise<WorkerSums> {
  const { createRotatingFetch, RedisStore }: Version =
    orders.version === undefined ? { ...today, ...redis } : ((await import(orders.version)) as Version);
  const client = new Redis({ port: orders.redisPort, host: "127.0.0.1" });
  client.on("error", () => {});
  const delayed = async (args: string[]): Promise<unknown> => {
    const [name = "", ...rest] = args;
    await new Promise((resolve) => setTimeout(resolve, orders.redisDelayMs));
    return client.call(name, ...rest);
  };
  let alone = 0;
  const clock: Clock = { ...systemClock, wall: () => Date.now() + orders.skewMs };
  const { pool, commandTimeoutMs, leaseMs } = orders;
  const store = new RedisStore({
    client: orders.redisDelayMs === 0 ? client : delayed,
    pool,
    commandTimeoutMs,
    clock,
    onState: (state) => {
      if (state === "alone") alone++;
    },
  });
  const fetch = createRotatingFetch({
    keys: orders.keys,
    limits: orders.limits,
    baseURL: orders.baseURL,
    store,
    clock,
    leaseMs,
    guardMs: orders.guardMs,
    maxWaitMs: 20_000,
    totalTimeoutMs: 30_000,
  });
  const body = JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hi" }], max_tokens: 10 });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  // Connections are opened first: a busy machine may need longer for that than any guard allows for.
  const warm = Array.from({ length: orders.atOnce }, async () => (await globalThis.fetch(orders.providerUrl)).text());
  await Promise.all([...warm, store.renew()]);
  await ready();
  ownTime.takeLongestStall();
  let [served, refused] = [0, 0];
  const loop = async (): Promise<void> => {
    while (!stopped()) {
      const response = await fetch(`${orders.baseURL}/chat/completions`, init);
      await response.text();
      if (response.status === 200) served++;
      else refused++;
    }
  };
  await Promise.all(Array.from({ length: orders.atOnce }, loop));
  const stalledMs = ownTime.takeLongestStall();
  await fetch.rotator.close();
  client.disconnect();
  return { served, refused, alone, stalledMs };
}

let isStopped = false;
let go = (): void => {};
process.on("message", (message: { orders?: WorkerOrders; go?: boolean; stop?: boolean }) => {
  if (message.go === true) go();
  if (message.stop === true) isStopped = true;
  if (message.orders === undefined) return;
  const ready = (): Promise<void> => {
    process.send?.({ ready: true });
    return new Promise((resolve) => {
      go = resolve;
    });
  };
  work(message.orders, () => isStopped, ready).then(
    (sums) => process.send?.({ sums }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failed: String(error) }, () => process.disconnect()),
  );
});
