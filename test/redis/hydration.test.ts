import { randomUUID } from "node:crypto";
import { KeyRotator } from "rotating-fetch";
import { RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ownTime } from "../support/own-time.ts";
import { functionOf, ioredisOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { until } from "./support/shared-limits.ts";

const hour = 3_600_000;

interface Process {
  readonly store: RedisStore;
  readonly rotator: KeyRotator;
  /** Questions to the store, and how many of them it refused. */
  readonly asked: { count: number; refused: number };
  readonly events: { readonly name: string; readonly scope: string; readonly elsewhere?: true | undefined }[];
}

const refusal = {
  kind: "rate_limit",
  scope: "key",
  sharedBy: "account",
  window: null,
  dimension: null,
  retryAfterMs: hour,
  retryable: true,
  failover: true,
  disableKey: false,
  strength: "certain",
} as const;

describe("KeyRotator over a RedisStore", () => {
  let server: RedisProcess;
  const opened: OpenClient[] = [];
  const processes: Process[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map(({ rotator }) => rotator.close()));
    for (const { end } of opened.splice(0)) end();
  });
  afterAll(() => server.end());

  function begin(pool: string, ids: readonly string[], open = ioredisOf): Process {
    const made = open(server);
    opened.push(made);
    const store = new RedisStore({ client: made.client, pool, commandTimeoutMs: 5000 });
    const asked = { count: 0, refused: 0 };
    const reserve = store.reserve.bind(store);
    store.reserve = async (...question) => {
      const answer = await reserve(...question);
      asked.count++;
      if (!answer.granted) asked.refused++;
      return answer;
    };
    const keys = ids.map((id) => ({ id, secret: `test-${randomUUID()}` }));
    const rotator = new KeyRotator({ keys, store });
    const events: Process["events"] = [];
    for (const name of ["key-cooled", "key-recovered"] as const) {
      rotator.on(name, ({ scope, elsewhere }) => events.push({ name, scope, elsewhere }));
    }
    const process = { store, rotator, asked, events };
    processes.push(process);
    return process;
  }

  async function use({ rotator }: Process): Promise<string> {
    const lease = await rotator.acquire({ maxWaitMs: 0 });
    lease.settle({ outcome: "success" });
    return lease.keyId;
  }

  /** Until it hears the other, nobody can be sure of it. */
  async function hears(process: Process, other: Process): Promise<void> {
    await until(async () => {
      await other.rotator.cooldown("probe", 20);
      return process.events.some(({ elsewhere }) => elsewhere === true);
    });
    await until(async () =>
      (await process.store.read(["key:generic/probe"], [])).scopes.every(({ until: at, now }) => at <= now),
    );
    process.events.length = 0;
    other.events.length = 0;
  }

  it("finds the keys that are ready among 990 of 1,000 in cooldown, asking three times at most", async () => {
    const pool = randomUUID();
    const ids = Array.from({ length: 1000 }, (_, place) => `k${place}`);
    const earlier = begin(pool, ids);
    const resting = ids.filter((_, place) => place % 100 !== 99);
    await earlier.store.cooldown(
      resting.map((id) => ({
        scope: `account:generic/${id}`,
        set: { forMs: hour },
        reason: "rate_limit",
        source: "authoritative",
      })),
    );
    const fresh = begin(pool, ids, functionOf);
    expect(resting).not.toContain(await use(fresh));
    expect(fresh.asked.count).toBeLessThanOrEqual(3);
    await until(async () => {
      const before = fresh.asked.count;
      for (let count = 0; count < 20; count++) await use(fresh);
      return fresh.asked.count - before === 20;
    });
  });

  it("leaves alone what another process saw refused, without asking for it", async () => {
    const pool = randomUUID();
    const ids = ["a", "b", "c", "probe"];
    const [one, other] = [begin(pool, ids), begin(pool, ids)];
    await Promise.all([use(one), use(other)]);
    await hears(other, one);
    const lease = await one.rotator.acquire({ prefer: "a" });
    lease.settle({ outcome: "failure", classification: refusal });
    await until(() => other.events.length > 0 && one.events.length > 0);
    const scope = "account:a";
    expect(other.events).toEqual([{ name: "key-cooled", scope, elsewhere: true }]);
    expect(one.events).toEqual([{ name: "key-cooled", scope, elsewhere: undefined }]);
    Object.assign(other.asked, { count: 0, refused: 0 });
    const proposed = new Set<string>();
    const reserve = other.store.reserve;
    other.store.reserve = (candidates, options) => {
      for (const { scopes } of candidates) for (const each of scopes) proposed.add(each);
      return reserve(candidates, options);
    };
    for (let count = 0; count < 12; count++) expect(await use(other)).not.toBe("a");
    expect(proposed).toContain("key:generic/b");
    expect([proposed.has("key:generic/a"), other.asked]).toEqual([false, { count: 12, refused: 0 }]);
    expect(one.events).toHaveLength(1);
  });

  it("serves who waits in one process as soon as an operator of another ends the rest", async () => {
    const pool = randomUUID();
    const ids = ["a", "probe"];
    const [one, other] = [begin(pool, ids), begin(pool, ids)];
    await Promise.all([use(one), use(other)]);
    await hears(other, one);
    await one.rotator.cooldown("a", hour);
    await one.rotator.cooldown("probe", 60_000);
    await until(() => other.events.length === 2);
    const begun = ownTime.now();
    const waiting = Promise.resolve(other.rotator.acquire({ maxWaitMs: 120_000 }));
    await one.rotator.cooldown("a", "end");
    const lease = await waiting;
    lease.settle({ outcome: "success" });
    expect(lease.keyId).toBe("a");
    expect(ownTime.now() - begun).toBeLessThan(900);
    expect(other.events.slice(2)).toEqual([{ name: "key-recovered", scope: "key:a", elsewhere: true }]);
  });
});
