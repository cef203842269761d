import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import type { RedisClient, SendCommand } from "rotating-fetch/redis";
import type { RedisCluster } from "./redis-cluster.ts";
import type { RedisProcess } from "./redis-process.ts";

export interface OpenClient {
  readonly client: RedisClient;
  readonly end: () => void;
}

export function ioredisOf({ port }: RedisProcess): OpenClient {
  const client = new Redis({ port, host: "127.0.0.1" });
  client.on("error", () => {});
  return { client, end: () => client.disconnect() };
}

export async function nodeRedisOf({ url }: RedisProcess): Promise<OpenClient> {
  const client = createClient({ url });
  client.on("error", () => {});
  await client.connect();
  return { client, end: () => client.destroy() };
}

/** As somebody would use a client of another kind. */
export function functionOf(server: RedisProcess): OpenClient {
  const { client, end } = ioredisOf(server);
  const send: SendCommand = ([name = "", ...args]) => (client as Redis).call(name, ...args);
  return { client: send, end };
}

export async function ioredisClusterOf({ ports }: RedisCluster): Promise<OpenClient> {
  const client = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })));
  client.on("error", () => {});
  return { client, end: () => client.disconnect() };
}

export async function nodeRedisClusterOf({ nodes }: RedisCluster): Promise<OpenClient> {
  const client = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });
  client.on("error", () => {});
  await client.connect();
  return { client, end: () => client.destroy() };
}
