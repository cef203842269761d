import { randomUUID } from "node:crypto";
import { RedisStore } from "rotating-fetch/redis";
import { storeContract } from "rotating-fetch/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
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
import { standing, withServerTime } from "./support/timed-client.ts";

/** What is given as a function cannot listen. */
function suite(open: () => OpenClient | Promise<OpenClient>, watches = true): void {
  let opened: OpenClient;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.end());
  storeContract(
    { describe, it },
    ({ clock, random }) => {
      const client = withServerTime(opened.client, () => clock.wall());
      // Nothing is to be decided without the server, however busy the machine is.
      const options = { client, pool: randomUUID(), random, clock: standing, commandTimeoutMs: 10_000 };
      const another = (): RedisStore => new RedisStore(options);
      return { store: another(), advance: (ms) => clock.advance(ms), another };
    },
    { capabilities: { pins: true, claims: true, watches, shared: true, persists: true } },
  );
}

describe("RedisStore on one server", () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterAll(() => server.end());
  describe("through ioredis", () => suite(() => ioredisOf(server)));
  describe("through node-redis", () => suite(() => nodeRedisOf(server)));
  describe("through a function", () => suite(() => functionOf(server), false));
});

describe("RedisStore on a cluster of three", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster.end());
  describe("through ioredis", () => suite(() => ioredisClusterOf(cluster)));
  describe("through node-redis", () => suite(() => nodeRedisClusterOf(cluster)));
});
