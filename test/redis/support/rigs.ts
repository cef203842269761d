import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type RedisClient, RedisStore, type RedisStoreOptions, type SharingState } from "rotating-fetch/redis";
import { expect } from "vitest";
import type { Candidate, StoreReading } from "../../../src/limits/store.ts";
import { commanderOf } from "../../../src/stores/redis/wire/client.ts";
import type { OpenClient } from "./clients.ts";
import { allStarted, options, until } from "./shared-limits.ts";

/** Long enough for a busy machine, short enough to see that nobody waits. */
export const commandTimeoutMs = 100;

/** How a client is made for a server on this port, as the documentation says. */
export type Opens = (port: number) => OpenClient | Promise<OpenClient>;

export const ioredis: Opens = (port) => {
  const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 100 });
  client.on("error", () => {});
  return { client, end: () => client.disconnect() };
};

export const nodeRedis: Opens = async (port) => {
  const client = createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: 100 } });
  client.on("error", () => {});
  await client.connect();
  return { client, end: () => client.destroy() };
};

export const bothClients: readonly [name: string, opens: Opens][] = [
  ["ioredis", ioredis],
  ["node-redis", nodeRedis],
];

/** A process of a pool: its store, what it was told, and its place among the others. */
export interface Rig {
  readonly store: RedisStore;
  readonly client: RedisClient;
  readonly states: SharingState[];
  readonly causes: unknown[];
  standing: { readonly instances: number; readonly rank: number };
}

/** Processes of pools, and whatever else a test has to end. */
export class Rigs {
  readonly #cleanups: (() => unknown)[] = [];
  readonly #rejections: unknown[] = [];
  readonly #onRejection = (reason: unknown): void => {
    this.#rejections.push(reason);
  };

  constructor() {
    process.on("unhandledRejection", this.#onRejection);
  }

  /** Ends it after the test. */
  ends<T extends { end(): unknown }>(started: T): T {
    this.#cleanups.push(() => started.end());
    return started;
  }

  /** Ends everything; nothing may have been rejected without anybody's knowledge. */
  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
    // Rejections are told of when a turn ends.
    await new Promise((resolve) => setImmediate(resolve));
    expect(this.#rejections.splice(0)).toEqual([]);
  }

  stopWatching(): void {
    process.off("unhandledRejection", this.#onRejection);
  }

  store({ client, end }: OpenClient, given: Partial<RedisStoreOptions> & { pool: string }): Rig {
    const states: SharingState[] = [];
    const causes: unknown[] = [];
    const onState = (state: SharingState, cause: unknown): void => {
      states.push(state);
      if (cause !== undefined) causes.push(cause);
    };
    const store = new RedisStore({ client, commandTimeoutMs, onState, ...given });
    this.#cleanups.push(end, () => store.close());
    return { store, client, states, causes, standing: { instances: 4, rank: 0 } };
  }

  /** So many processes that know of each other. */
  async joined(
    count: number,
    open: () => OpenClient | Promise<OpenClient>,
    given: Partial<RedisStoreOptions> = {},
  ): Promise<Rig[]> {
    const pool = randomUUID();
    const rigs: Rig[] = [];
    while (rigs.length < count) rigs.push(this.store(await open(), { pool, ...allStarted, ...given }));
    await until(async () => {
      for (const rig of rigs) {
        await rig.store.renew();
        rig.standing = rig.store.sharing();
      }
      return rigs.every(({ standing }) => standing.instances === count);
    });
    return rigs;
  }
}

/** Lets all of them see what is left now. */
export async function lookAt(rigs: readonly Rig[], wanted: Candidate): Promise<void> {
  for (const { store } of rigs) await store.reserve([wanted], { ...options, dryRun: true });
}

export async function readingOf({ store }: Rig, { scopes, needs }: Candidate): Promise<StoreReading> {
  return store.read(
    scopes,
    needs.map(({ bucket }) => bucket),
  );
}

/** Of the first of its limits. */
export async function usedOf(rig: Rig, wanted: Candidate): Promise<number | undefined> {
  return (await readingOf(rig, wanted)).buckets[0]?.used;
}

/** Resolves when the client itself has found its server again: which one that is it learns in its own time. */
export async function reached({ client }: Rig, pool = "any"): Promise<void> {
  const key = `{rf:${pool}}reached`;
  await until(async () => {
    const answer = commanderOf(client).send(key, ["SET", key, "", "PX", "1"]);
    return answer.then(
      () => true,
      () => false,
    );
  }, 10_000);
}

export const isShared = ({ states }: Rig): boolean => states.at(-1) !== "alone";
export const isAlone = (rig: Rig): boolean => !isShared(rig);
