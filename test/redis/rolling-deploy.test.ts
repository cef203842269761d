import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Limit, RotatingFetch } from "rotating-fetch";
import * as today from "rotating-fetch";
import { RedisStore, type SendCommand } from "rotating-fetch/redis";
import type { ProviderLimit } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { scriptText } from "../../src/stores/redis/scripts/script.ts";
import { type BuiltPrograms, buildPrograms } from "../support/built-programs.ts";
import { ownTime } from "../support/own-time.ts";
import { functionOf, ioredisOf } from "./support/clients.ts";
import { CrewMember } from "./support/crew.ts";
import { previousVersion, type Version } from "./support/previous-version.ts";
import { ProviderProcess } from "./support/provider-process.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { allStarted, ask, rolling, room, until, wanting } from "./support/shared-limits.ts";

const newSecret = (): string => `test-${randomBytes(16).toString("hex")}`;
const version: Version = { createRotatingFetch: today.createRotatingFetch, RedisStore };
const baseURL = "https://provider.test";
const hour = 3_600_000;

/** A process of a pool. */
interface Rotating {
  readonly fetch: RotatingFetch;
  close(): Promise<void>;
}

describe("processes of two versions on one Redis", () => {
  let server: RedisProcess;
  let previous: Version;
  const started: Rotating[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
    previous = (await import(previousVersion)) as Version;
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((each) => each.close()));
  });
  afterAll(() => server.end());

  const keys = [
    { id: "one", account: "acme", secret: newSecret() },
    { id: "two", account: "acme", secret: newSecret() },
  ];

  /** Like a process of its own. */
  function start(
    { createRotatingFetch, RedisStore: Store }: Version,
    pool: string,
    answer: () => Response = () => Response.json({}),
    limits: readonly Limit[] = [{ requests: 10, per: "hour", scope: "account" }],
  ): Rotating {
    const { client, end } = ioredisOf(server);
    const store = new Store({ client, pool, commandTimeoutMs: 5000, ...allStarted });
    const fetch = createRotatingFetch({ keys, limits, baseURL, store, fetch: async () => answer() });
    const close = async (): Promise<void> => {
      await fetch.rotator.close();
      end();
    };
    const rotating = { fetch, close };
    started.push(rotating);
    return rotating;
  }

  async function stop(rotating: Rotating): Promise<void> {
    started.splice(started.indexOf(rotating), 1);
    await rotating.close();
  }

  /** How many of so many requests are served. */
  async function served({ fetch }: Rotating, requests: number): Promise<number> {
    const answers = await Promise.all(Array.from({ length: requests }, () => fetch(`${baseURL}/chat`)));
    return answers.filter(({ status }) => status === 200).length;
  }

  it("counts together what both take of one limit", async () => {
    const pool = randomUUID();
    const [older, newer] = [start(previous, pool), start(version, pool)];
    expect(await served(older, 4)).toBe(4);
    expect(await served(newer, 3)).toBe(3);
    expect(await served(older, 2)).toBe(2);
    expect(await served(newer, 5)).toBe(1);
    expect(await served(older, 5)).toBe(0);
  });

  it("counts what the older ones took when they are gone already", async () => {
    const pool = randomUUID();
    const older = start(previous, pool);
    expect(await served(older, 7)).toBe(7);
    await stop(older);
    const newer = start(version, pool);
    expect(await served(newer, 10)).toBe(3);
    const [key] = (await newer.fetch.rotator.snapshot()).keys;
    expect(key?.limits[0]).toMatchObject({ used: 10, left: 0 });
  });

  it("tells an older one that begins while it runs what was taken before", async () => {
    const pool = randomUUID();
    const newer = start(version, pool);
    expect(await served(newer, 6)).toBe(6);
    const older = start(previous, pool);
    // Its first question is its first sign of life, and the newer one hears of it with its own next one.
    await older.fetch.rotator.snapshot();
    expect(await served(older, 1)).toBe(1);
    await until(async () => {
      const [key] = (await older.fetch.rotator.snapshot()).keys;
      return key?.limits[0]?.used === 7;
    });
    expect(await served(older, 10)).toBe(3);
    expect(await served(newer, 1)).toBe(0);
  });

  it("keeps an account cooling that the older ones put into cooldown", async () => {
    const pool = randomUUID();
    const refusal = () => Response.json({}, { status: 429, headers: { "retry-after": "1800" } });
    const older = start(previous, pool, refusal);
    expect(await served(older, 1)).toBe(0);
    await stop(older);
    const newer = start(version, pool);
    expect(await served(newer, 1)).toBe(0);
    const { keys: shown } = await newer.fetch.rotator.snapshot();
    expect(shown.map(({ state }) => state)).toEqual(["cooling", "cooling"]);
  });

  it("puts an account into cooldown for the older ones, too", async () => {
    const pool = randomUUID();
    const older = start(previous, pool);
    expect(await served(older, 1)).toBe(1);
    const refusal = () => Response.json({}, { status: 429, headers: { "retry-after": "1800" } });
    expect(await served(start(version, pool, refusal), 1)).toBe(0);
    expect(await served(older, 2)).toBe(0);
  });

  it("shares everything with processes of the same format, whose script is another", async () => {
    const pool = randomUUID();
    const [one, other] = [functionOf(server), functionOf(server)];
    const send = other.client as SendCommand;
    const ofLater: SendCommand = ([, , ...rest]) => send(["EVAL", `${scriptText}-- And more.`, ...rest]);
    const stores = [one.client, ofLater].map((client) => new RedisStore({ client, pool, commandTimeoutMs: 5000 }));
    const wanted = wanting("a", rolling("a#r", 10, hour));
    const granted = await Promise.all(stores.map((store) => room(store, wanted)));
    expect(granted.flat()).toHaveLength(10);
    for (const store of stores) await store.close();
    for (const { end } of [one, other]) end();
  });

  it("takes its share next to a later version, says so, and takes the whole when that is gone", async () => {
    const pool = randomUUID();
    const { client, end } = ioredisOf(server);
    const states: [state: string, cause: unknown][] = [];
    const onState = (state: string, cause?: unknown) => void states.push([state, cause]);
    const store = new RedisStore({ client, pool, commandTimeoutMs: 5000, onState, ...allStarted });
    const told: unknown[] = [];
    store.onSharing((change) => told.push(change));
    const wanted = wanting("a", rolling("a#r", 10, hour));
    expect((await ask(store, wanted)).granted).toBe(true);
    const hash = `{rf:${pool}}2instances`;
    const lives = (now: number) => server.command("HSET", hash, "3.ffff", `${now} ${now}`);
    await lives(Date.now() + 60_000);
    await store.renew();
    const cause = expect.stringContaining("later version");
    expect(store.sharing()).toMatchObject({ state: "alone", instances: 2, cause });
    expect(told).toContainEqual({ type: "degraded", cause, instances: 2 });
    // Half of the nine that were left.
    expect(await room(store, wanted)).toHaveLength(5);
    await server.command("HDEL", hash, "3.ffff");
    await store.renew();
    expect(store.sharing()).toMatchObject({ state: "shared", instances: 1 });
    expect(await room(store, wanted)).toHaveLength(4);
    expect(states).toEqual([
      ["alone", cause],
      ["shared", undefined],
    ]);
    await store.close();
    end();
  });
});

const windowMs = 2000;
/** So long may a process be kept from sending what it reserved. */
const guardMs = 400;
/** What both accounts allow in three windows. */
const most = 3 * 2 * 20;
/** Until a process has done everything once. */
const warmUpMs = 4000;

describe("a rolling deploy", () => {
  let server: RedisProcess;
  let programs: BuiltPrograms;
  let provider: ProviderProcess;
  const crew: CrewMember[] = [];
  const keys = ["a", "b"].map((account) => ({ id: account, account, secret: newSecret() }));
  const limits = [
    { id: "requests", requests: 20, per: windowMs, scope: "account" },
    { id: "places", concurrency: 6, scope: "account" },
  ] as const satisfies readonly (Limit & ProviderLimit)[];

  beforeAll(async () => {
    const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
    const sources = { worker: at("support/worker.ts"), provider: at("support/provider.ts") };
    [server, programs] = await Promise.all([RedisProcess.start(), buildPrograms(sources, at("."))]);
  });
  afterEach(end);
  afterAll(() => Promise.all([server.end(), programs.remove()]));

  async function hire(pool: string, of: string | undefined): Promise<CrewMember> {
    const member = new CrewMember(programs.pathOf("worker"), {
      redisPort: server.port,
      pool,
      providerUrl: provider.url,
      baseURL: provider.baseURL,
      keys,
      limits,
      atOnce: 6,
      skewMs: 0,
      redisDelayMs: 0,
      leaseMs: 60_000,
      guardMs,
      commandTimeoutMs: 1000,
      version: of,
    });
    crew.push(member);
    await member.ready;
    return member;
  }

  /** Returns the longest time that one of them was kept from running, milliseconds. */
  async function stop(members: readonly CrewMember[]): Promise<number> {
    for (const member of members) member.stop();
    const sums = await Promise.all(members.map((member) => member.sums));
    return Math.max(...sums.map((each) => each?.stalledMs ?? 0));
  }

  async function end(): Promise<void> {
    await Promise.all(crew.splice(0).map((member) => member.kill()));
    await provider.end();
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  /** Older ones alone, both, newer ones alone. */
  async function deploy(): Promise<{ refused: readonly unknown[]; served: readonly number[]; stalledMs: number }> {
    provider = await ProviderProcess.start(programs.pathOf("provider"), {
      keys: keys.map(({ account, secret }) => ({ account, secret })),
      limits,
      completionTokens: 5,
    });
    const pool = randomUUID();
    const ends: number[] = [];
    const phase = async (): Promise<void> => {
      await pause(warmUpMs + 3 * windowMs);
      ends.push((await provider.seen()).at(-1)?.at ?? 0);
    };
    ownTime.takeLongestStall();
    const older = [await hire(pool, previousVersion), await hire(pool, previousVersion)];
    for (const member of older) member.go();
    await phase();
    const newer = [await hire(pool, undefined), await hire(pool, undefined)];
    for (const member of newer) member.go();
    await phase();
    const stalled = [await stop(older)];
    await phase();
    stalled.push(await stop(newer), ownTime.takeLongestStall());
    const seen = await provider.seen();
    const refused = seen.filter(({ judged }) => judged === "refused");
    const usedUntil = (end: number): number => seen.filter(({ at }) => at > end - 3 * windowMs && at <= end).length;
    // A phase may end between the bursts of the two accounts: what counts is the fullest three windows that end in its last round.
    const served = ends.map((end) =>
      Math.max(...seen.filter(({ at }) => at > end - windowMs - guardMs && at <= end).map(({ at }) => usedUntil(at))),
    );
    return { refused, served, stalledMs: Math.max(...stalled) };
  }

  it("is never refused by a strict provider, and uses the whole limit before, while and after both run", {
    timeout: 3 * 60_000,
  }, async () => {
    for (let tries = 1; ; tries++) {
      const { refused, served, stalledMs } = await deploy();
      process.stdout.write(
        `a rolling deploy: ${refused.length} refused, ${served.join(", ")} of ${most} used in three windows, ` +
          `held up for ${stalledMs.toFixed()} ms at most\n`,
      );
      const isShort = refused.length > 0 || Math.min(...served) < 0.85 * most;
      // A machine that stood still for half the guard says nothing of the pool.
      if (isShort && stalledMs > guardMs / 2 && tries < 3) {
        await end();
        continue;
      }
      expect(refused).toEqual([]);
      expect(Math.min(...served)).toBeGreaterThanOrEqual(0.85 * most);
      return;
    }
  });
});
