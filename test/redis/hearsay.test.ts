import { randomUUID } from "node:crypto";
import { createRotatingFetch, type RotatingFetch } from "rotating-fetch";
import { RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ioredisOf } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { until } from "./support/shared-limits.ts";

const baseURL = "https://provider.test";
const hourMs = 3_600_000;

interface Application {
  readonly fetch: RotatingFetch;
  readonly store: RedisStore;
  /** Scopes that it heard to be cooling, or not any more. */
  readonly heard: string[];
}

describe("what processes of a shared pool announce to each other", () => {
  let server: RedisProcess;
  let pool: string;
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => server.end());

  /** An application with two accounts, which has served a request and listens. */
  async function start(status = () => 200): Promise<Application> {
    const { client, end } = ioredisOf(server);
    const store = new RedisStore({ client, pool, commandTimeoutMs: 5000 });
    const fetch = createRotatingFetch({
      keys: ["a", "b"].map((id) => ({ id, account: id, secret: `test-${id}-${pool}` })),
      baseURL,
      store,
      fetch: async () => Response.json({}, { status: status(), headers: { "retry-after": "3600" } }),
    });
    const heard: string[] = [];
    fetch.rotator.on("key-cooled", ({ scope, elsewhere }) => elsewhere && heard.push(`cooled ${scope}`));
    fetch.rotator.on("key-recovered", ({ scope, elsewhere }) => elsewhere && heard.push(`recovered ${scope}`));
    ends.push(end, () => fetch.rotator.close());
    if (status() === 200) expect((await fetch(baseURL)).status).toBe(200);
    await until(() => store.sharing().listening);
    return { fetch, store, heard };
  }

  /** As the script would tell it, but of a cooldown that is in no record. */
  async function announce(account: string, forMs: number): Promise<void> {
    const now = Date.now();
    const key = `{rf:${pool}}2s:account:generic/${account}`;
    const message = JSON.stringify(["c", key, now, now + forMs, now, 1, 1, "rate_limit"]);
    await server.command("PUBLISH", `{rf:${pool}}2changes`, message);
  }

  it("refuses nobody where it is wrong", async () => {
    pool = randomUUID();
    const [one, other] = [await start(), await start()];
    for (const account of ["a", "b"]) await announce(account, hourMs);
    await until(() => [one, other].every(({ heard }) => heard.length === 2));
    for (const { fetch, heard } of [one, other]) {
      expect((await fetch(baseURL)).status).toBe(200);
      expect(heard.slice(2).sort()).toEqual(["recovered account:a", "recovered account:b"]);
    }
  });

  it("is not believed for longer than the store says", async () => {
    pool = randomUUID();
    const { fetch, store, heard } = await start();
    for (const [account, forMs] of [["a", 900] as const, ["b", hourMs] as const]) {
      const scope = `account:generic/${account}`;
      await store.cooldown([{ scope, set: { forMs }, reason: "rate_limit", source: "authoritative" }]);
    }
    await until(() => heard.length === 2);
    await announce("a", hourMs);
    await until(() => heard.length === 3);
    // It waits for the end that the store knows.
    expect((await fetch(baseURL)).status).toBe(200);
  });

  it("costs one question, whoever is refused because of it", async () => {
    pool = randomUUID();
    const [one, other] = [await start(() => 429), await start()];
    expect((await one.fetch(baseURL)).status).toBe(429);
    await until(() => other.heard.length === 2);
    let reads = 0;
    const read = other.store.read.bind(other.store);
    other.store.read = (...asked) => {
      reads++;
      return read(...asked);
    };
    const statuses = await Promise.all([1, 2, 3].map(async () => (await other.fetch(baseURL)).status));
    expect(statuses).toEqual([429, 429, 429]);
    expect((await other.fetch(baseURL)).status).toBe(429);
    // One to make sure, and one of those that look now and then.
    expect(reads).toBeLessThanOrEqual(2);
  });
});
