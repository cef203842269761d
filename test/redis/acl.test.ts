import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { KeyRotator, type Limit } from "rotating-fetch";
import { type RedisClient, RedisKeyStore, RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newSecret } from "./support/key-stores.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { ask, rolling, until, wanting } from "./support/shared-limits.ts";

const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8");
/** What stands behind the user's password in the page's `ACL SETUSER`. */
const documented = page.match(/^ACL SETUSER \S+ on >\S+ (.+)$/m)?.[1] ?? "";

const limits: readonly Limit[] = [
  { id: "minute", requests: 50, per: "minute" },
  { id: "day", requests: 50, per: "day", window: "calendar", timeZone: "UTC" },
  { id: "hour", requests: 50, per: "hour", window: "anchored" },
  { id: "tokens", tokens: 50_000, per: "minute" },
  { id: "places", concurrency: 2 },
];

/** One with the documented rights, or some of them. */
interface RestrictedUser {
  readonly name: string;
  readonly password: string;
  readonly pool: string;
}

describe("a user of an ACL with the rights of docs/redis.md", () => {
  let server: RedisProcess;
  const encryptionKey = randomBytes(32);
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => server.end());

  async function userWithout(...missing: readonly string[]): Promise<RestrictedUser> {
    const user = { name: randomUUID(), password: randomBytes(16).toString("hex"), pool: randomUUID() };
    const rights = documented.split(" ");
    expect(rights).toEqual(expect.arrayContaining([...missing]));
    const kept = rights
      .filter((right) => !missing.includes(right))
      .map((right) => right.replace("rf:openrouter", `rf:${user.pool}`));
    expect(await server.command("ACL", "SETUSER", user.name, "on", `>${user.password}`, ...kept)).toBe("+OK\r\n");
    return user;
  }

  function ioredisAs({ name, password }: RestrictedUser): Redis {
    const auth = { username: name, password, enableReadyCheck: false };
    const client = new Redis({ host: "127.0.0.1", port: server.port, ...auth });
    client.on("error", () => {});
    ends.push(() => client.disconnect());
    return client;
  }

  async function nodeRedisAs({ name, password }: RestrictedUser): Promise<RedisClient> {
    const client = createClient({ url: server.url, username: name, password });
    client.on("error", () => {});
    await client.connect();
    ends.push(() => client.destroy());
    return client;
  }

  /** A process of the pool, with what its stores complained of. */
  function processOf(client: RedisClient, pool: string, keys: readonly string[]) {
    const complaints: string[] = [];
    const onState = (state: string): void => void complaints.push(state);
    const store = new RedisStore({ client, pool, commandTimeoutMs: 5000, onState });
    const keyStore = new RedisKeyStore({ client, pool, encryptionKey });
    const rotator = new KeyRotator({ keys, limits, store, keyStore });
    rotator.on("internal-error", ({ part }) => complaints.push(part));
    ends.push(() => rotator.close().catch(() => {}));
    return { rotator, complaints };
  }

  async function useAll({ rotator }: ReturnType<typeof processOf>): Promise<void> {
    for (let count = 0; count < 6; count++) {
      const lease = await rotator.acquire({ model: "test-model", tokens: { input: 10, output: 10 } });
      lease.settle(count % 2 === 0 ? { outcome: "success" } : { outcome: "failure", sent: "unknown" });
    }
    rotator.import([newSecret()]);
    await rotator.flushed();
    const id = (await rotator.snapshot()).keys[0]?.id ?? "";
    await rotator.cooldown(id, 60_000);
    await rotator.cooldown(id, "end");
  }

  it.each([
    ["ioredis", async (user: RestrictedUser) => ioredisAs(user)],
    ["node-redis", nodeRedisAs],
  ] as const)("can do all that both stores ask of it, and is told of changes (%s)", async (_name, clientAs) => {
    const user = await userWithout();
    const keys = [newSecret(), newSecret()];
    const one = processOf(await clientAs(user), user.pool, keys);
    const other = processOf(await clientAs(user), user.pool, keys);
    await useAll(one);
    const id = (await other.rotator.snapshot()).keys[0]?.id ?? "";
    let isTold = false;
    other.rotator.on("key-cooled", ({ elsewhere }) => {
      isTold ||= elsewhere === true;
    });
    await until(async () => {
      await one.rotator.cooldown(id, 60_000);
      await one.rotator.cooldown(id, "end");
      return isTold;
    });
    expect([...one.complaints, ...other.complaints]).toEqual([]);
  });

  it("shares all the same where it may not tell or be told of changes", async () => {
    const user = await userWithout("&{rf:openrouter}*", "+publish", "+subscribe");
    const process = processOf(ioredisAs(user), user.pool, [newSecret()]);
    await useAll(process);
    expect(process.complaints).toEqual([]);
  });

  it.each(["~{rf:openrouter}*", "+@read", "+@write", "+eval", "+evalsha", "+time"])("needs %s", async (right) => {
    // Whoever comes first sends the scripts along.
    await server.command("SCRIPT", "FLUSH");
    const user = await userWithout(right);
    const states: string[] = [];
    const onState = (state: string): void => void states.push(state);
    const options = { client: ioredisAs(user), pool: user.pool, commandTimeoutMs: 5000, onState };
    const rotator = new KeyRotator({ keys: [newSecret()], limits, store: new RedisStore(options) });
    ends.push(() => rotator.close());
    (await rotator.acquire()).settle({ outcome: "success" });
    expect(states).toEqual(["alone"]);
  });

  it("may neither empty the server nor read what is not the pool's", async () => {
    const client = ioredisAs(await userWithout());
    const { pool } = await userWithout();
    for (const command of [["FLUSHALL"], ["FLUSHDB"], ["KEYS", "*"], ["GET", `{rf:${pool}}2epoch`], ["GET", "other"]]) {
      const [name = "", ...args] = command;
      await expect(client.call(name, ...args), name).rejects.toThrow("NOPERM");
    }
  });

  it("goes on where the right to hear of changes is taken away while it runs", async () => {
    const user = await userWithout();
    const store = new RedisStore({ client: ioredisAs(user), pool: user.pool, commandTimeoutMs: 5000 });
    ends.push(() => store.close());
    store.watch?.(() => {});
    const wanted = wanting("a", rolling("a#r", 10, 60_000));
    expect((await ask(store, wanted)).granted).toBe(true);
    await until(() => store.sharing().listening);
    await server.command("ACL", "SETUSER", user.name, "resetchannels");
    // The server ends the connection that listens, and refuses the next one.
    await until(async () => (await server.command("ACL", "LOG")).includes("channel"));
    expect((await ask(store, wanted)).granted).toBe(true);
  });
});
