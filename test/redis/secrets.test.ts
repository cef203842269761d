import { randomBytes, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { Redis } from "ioredis";
import { KeyRotator } from "rotating-fetch";
import { RedisStore } from "rotating-fetch/redis";
import { expect, it } from "vitest";
import { RedisProcess } from "./support/redis-process.ts";

it("sends no secret to Redis, and leaves none there", async () => {
  const server = await RedisProcess.start();
  const client = new Redis({ port: server.port, host: "127.0.0.1" });
  let heard = "";
  const monitor = connect(server.port, "127.0.0.1");
  monitor.on("data", (data) => {
    heard += data.toString();
  });
  monitor.write("MONITOR\r\n");
  const secrets = Array.from({ length: 4 }, () => `test-${randomBytes(16).toString("hex")}`);
  const store = new RedisStore({ client, pool: randomUUID(), commandTimeoutMs: 5000 });
  const keys = secrets.map((secret, place) => (place === 0 ? { id: "named", secret } : { secret }));
  const rotator = new KeyRotator({ keys, limits: [{ requests: 3, per: "minute" }, { concurrency: 2 }], store });
  for (let count = 0; count < 8; count++) {
    const lease = await rotator.acquire({ model: "test-model", tokens: { input: 10, output: 10 } });
    lease.settle(count % 2 === 0 ? { outcome: "success" } : { outcome: "failure", sent: "unknown" });
  }
  await rotator.cooldown("named", 60_000);
  await rotator.snapshot();
  const names = await client.keys("*");
  const values = await Promise.all(names.map(async (name) => `${name} ${(await client.dump(name))?.toString()}`));
  await rotator.close();
  expect(names.length).toBeGreaterThan(8);
  expect(heard).toContain("EVALSHA");
  const all = `${heard}\n${values.join("\n")}`;
  for (const secret of secrets) {
    expect(all).not.toContain(secret);
    expect(all).not.toContain(secret.slice(5, 17));
  }
  monitor.destroy();
  client.disconnect();
  await server.end();
});
