import { randomBytes, randomUUID } from "node:crypto";
import { RedisKeyStore, type RedisKeyStoreOptions } from "rotating-fetch/redis";
import { keyStoreContract } from "rotating-fetch/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { KeyStore } from "../../src/pool/keys/key-store.ts";
import {
  functionOf,
  ioredisClusterOf,
  ioredisOf,
  nodeRedisClusterOf,
  nodeRedisOf,
  type OpenClient,
} from "./support/clients.ts";
import { RedisCluster } from "./support/redis-cluster.ts";
import { RedisProcess } from "./support/redis-process.ts";

function suite(open: () => OpenClient | Promise<OpenClient>, options: Partial<RedisKeyStoreOptions> = {}): void {
  let opened: OpenClient;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.end());
  keyStoreContract({ describe, it }, () => {
    const pool = randomUUID();
    const another = (): KeyStore => ended(new RedisKeyStore({ client: opened.client, pool, ...options }));
    return { store: another(), reopen: another };
  });
}

/** The contract leaves some of its listeners: here they end with their store, as they otherwise do with their rotator. */
function ended(store: RedisKeyStore): KeyStore {
  const stops: (() => void)[] = [];
  return {
    storesSecrets: store.storesSecrets,
    claim: (owner) => store.claim(owner),
    load: () => store.load(),
    apply: (changes, version) => store.apply(changes, version),
    watch: (listener) => {
      const stop = store.watch(listener);
      stops.push(stop);
      return stop;
    },
    close: () => {
      for (const stop of stops) stop();
    },
  };
}

describe("RedisKeyStore on one server", () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterAll(() => server.end());
  describe("through ioredis", () => suite(() => ioredisOf(server)));
  describe("through node-redis", () => suite(() => nodeRedisOf(server)));
  describe("through a function", () => suite(() => functionOf(server)));
  const encryptionKey = randomBytes(32);
  describe("with secrets, through ioredis", () => suite(() => ioredisOf(server), { encryptionKey }));
  describe("with secrets, through node-redis", () => suite(() => nodeRedisOf(server), { encryptionKey }));
});

describe("RedisKeyStore on a cluster of three", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster.end());
  describe("through ioredis", () => suite(() => ioredisClusterOf(cluster)));
  describe("through node-redis", () => suite(() => nodeRedisClusterOf(cluster), { encryptionKey: randomBytes(32) }));
});
