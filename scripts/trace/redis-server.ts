import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { RedisProcess } from "../../test/redis/support/redis-process.ts";

interface Client {
  disconnect(): void;
}

/** A server of its own with a client; undefined where `redis-server` or ioredis is not installed. */
export async function startRedis(): Promise<{ client: unknown; close(): Promise<void> } | undefined> {
  const Client = findIoredis();
  if (Client === undefined || spawnSync("redis-server", ["--version"]).status !== 0) return undefined;
  const server = await RedisProcess.start();
  const client = new Client({ port: server.port, host: "127.0.0.1" });
  return {
    client,
    async close() {
      client.disconnect();
      await server.end();
    },
  };
}

const clientName = "ioredis";

/** It is installed where Redis is tested and measured, not for the whole project. */
function findIoredis(): (new (options: object) => Client) | undefined {
  for (const folder of ["bench", "test/redis"]) {
    try {
      const require = createRequire(new URL(`../../${folder}/package.json`, import.meta.url));
      return (require(clientName) as { Redis: new (options: object) => Client }).Redis;
    } catch {}
  }
  return undefined;
}
