import { randomUUID } from "node:crypto";
import { MemoryStore } from "rotating-fetch";
import { type RedisClient, RedisStore } from "rotating-fetch/redis";
import { FakeClock, seededRandom } from "rotating-fetch/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bucket, Candidate, Refusal, Report, Reservation, ScopeState, Store } from "../../src/limits/store.ts";
import type { CooldownChange } from "../../src/types.ts";
import { ioredisOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { standing, withServerTime } from "./support/timed-client.ts";

type Pick = <T>(list: readonly T[]) => T;

const start = Date.UTC(2026, 0, 1);
const hour = 3_600_000;

function bucketsOf(owner: string): Bucket[] {
  const guardMs = 100;
  return [
    { id: `${owner}#r`, kind: "rolling", dimension: "requests", limit: 6, windowMs: 5000, guardMs },
    { id: `${owner}#t`, kind: "rolling", dimension: "tokens", limit: 300, windowMs: 20_000, guardMs: 400 },
    {
      id: `${owner}#c`,
      kind: "calendar",
      dimension: "requests",
      limit: 25,
      guardMs: 1000,
      edges: [start, start + 60_000, start + 120_000],
    },
    { id: `${owner}#a`, kind: "anchored", dimension: "outputTokens", limit: 200, windowMs: 8000, guardMs },
    { id: `${owner}#n`, kind: "concurrency", dimension: "concurrency", limit: 3, guardMs: 700 },
  ];
}

/** The same buckets with the edges that hold at a time, as the tracker gives them. */
function at(bucket: Bucket, wall: number): Bucket {
  if (bucket.edges === undefined) return bucket;
  const first = start + Math.floor((wall - start) / 60_000) * 60_000;
  return { ...bucket, edges: [first, first + 60_000, first + 120_000] };
}

class Pair {
  readonly clock = new FakeClock({ wall: start, monotonic: 5000 });
  readonly memory: Store = new MemoryStore({ clock: this.clock });
  readonly redis: Store;
  readonly open: { memory: Reservation; redis: Reservation }[] = [];

  constructor(client: RedisClient) {
    const timed = withServerTime(client, () => this.clock.wall());
    this.redis = new RedisStore({ client: timed, pool: randomUUID(), clock: standing, commandTimeoutMs: 10_000 });
  }

  async reserve(candidates: readonly Candidate[], purpose: "request" | "probe", leaseMs: number): Promise<void> {
    const options = { leaseMs, purpose, dryRun: leaseMs === 1 } as const;
    const copies = candidates.map((each) => ({ ...each, needs: each.needs.map((need) => ({ ...need })) }));
    const memory = (await this.memory.reserve(copies, options)) as Reservation | Refusal;
    const wanted = plain(memory);
    const redis = await this.redis.reserve(candidates, options);
    expect(plain(redis)).toEqual(wanted);
    if (memory.granted && redis.granted && !options.dryRun) this.open.push({ memory, redis });
  }

  async settle(place: number, report: Omit<Report, "reservation">): Promise<void> {
    const [each] = this.open.splice(place, 1);
    if (each === undefined) return;
    const memory = await this.memory.settle([{ ...report, reservation: each.memory }]);
    const redis = await this.redis.settle([{ ...report, reservation: each.redis }]);
    expect(redis.map(plainState)).toEqual(memory.map(plainState));
  }

  async cool(change: CooldownChange): Promise<void> {
    const memory = await this.memory.cooldown([change]);
    const redis = await this.redis.cooldown([change]);
    expect(redis.map(plainState)).toEqual(memory.map(plainState));
  }

  async read(scopes: readonly string[], buckets: readonly Bucket[]): Promise<void> {
    const [memory, redis] = [await this.memory.read(scopes, buckets), await this.redis.read(scopes, buckets)];
    expect(redis.scopes.map(plainState)).toEqual(memory.scopes.map(plainState));
    expect(redis.buckets).toEqual(memory.buckets);
  }
}

/** Times of a store mean something only as differences. A fraction of a millisecond is a whole one to this store. */
function plain(answer: Reservation | Refusal): unknown {
  if (answer.granted) {
    const { index, readyAt, reservedAt } = answer;
    return { index, readyInMs: readyAt - reservedAt };
  }
  const { now, blocked } = answer;
  const after = (time: number | null | undefined): number | null | undefined =>
    typeof time === "number" ? Math.ceil(time - now) : time;
  return {
    blocked: blocked.map(({ index, by, until, anyUntil, source, reason }) => {
      return { index, by, until: after(until), anyUntil: after(anyUntil), source, reason };
    }),
  };
}

function plainState({ scope, now, until, startedAt, reason, source, strikes }: ScopeState): unknown {
  return { scope, restMs: Math.max(0, until - now), ageMs: now - startedAt, reason, source, strikes };
}

function candidateFrom(random: () => number, pick: Pick, owner: string, wall: number): Candidate {
  const needs = bucketsOf(owner)
    .filter(() => random() < 0.6)
    .map((bucket) => {
      const isOfTokens = bucket.dimension === "tokens" || bucket.dimension === "outputTokens";
      return { bucket: at(bucket, wall), amount: isOfTokens ? pick([10, 40, 40, 120, 250]) : 1 };
    });
  return { scopes: [`key:${owner}`, `account:${owner}`, "provider:x"], needs };
}

async function step(pair: Pair, random: () => number, pick: Pick): Promise<void> {
  const { clock, open } = pair;
  const owners = ["a", "b", "c"];
  const scope = pick(["key:a", "account:a", "account:b", "key:c", "provider:x"]);
  const source = pick(["authoritative", "heuristic", "heuristic", "credit", "operator"] as const);
  const cooled = (): CooldownChange => {
    const ladder = { baseMs: 200, factor: 2, maxMs: 3000, jitter: 0 };
    const set = pick(["end", { forMs: pick([0, 500, 2500]) }, "ladder"] as const);
    const reason = pick(["rate_limit", "quota_exhausted", 'a "quoted"\nreason']);
    if (set !== "ladder") return { scope, set, reason, source };
    return { scope, set: { ladder, attemptStartedAt: Number.MAX_SAFE_INTEGER }, reason, source };
  };
  const roll = random();
  if (roll < 0.45) {
    const candidates = owners
      .filter(() => random() < 0.6)
      .map((each) => candidateFrom(random, pick, each, clock.wall()));
    await pair.reserve(candidates, random() < 0.2 ? "probe" : "request", pick([1, hour, hour, hour]));
  } else if (roll < 0.7) {
    const place = Math.floor(random() * open.length);
    await pair.settle(place, {
      outcome: pick(["success", "success", "failure", "aborted"]),
      sent: pick(["yes", "yes", "yes", "unknown", "no"]),
      headersAfterMs: pick([5, 50, 500, 30_000]),
      allowanceMs: pick([0, 300]),
      amounts: pick([undefined, { inputTokens: 5, outputTokens: 30, tokens: 35 }, { tokens: 250, outputTokens: 250 }]),
      cooldowns: random() < 0.1 ? [cooled()] : undefined,
    });
  } else if (roll < 0.76) await pair.cool(cooled());
  else if (roll < 0.82) {
    const buckets = bucketsOf(pick(owners)).map((bucket) => at(bucket, clock.wall()));
    await pair.read(["key:a", "account:a", "account:b", "none"], buckets);
  } else await clock.advance(pick([1, 7, 40, 300, 2000, 9000, 61_000]));
}

describe("RedisStore beside MemoryStore", () => {
  let server: RedisProcess;
  let opened: OpenClient;
  beforeAll(async () => {
    server = await RedisProcess.start();
    opened = ioredisOf(server);
  });
  afterAll(async () => {
    opened.end();
    await server.end();
  });

  for (let seed = 1; seed <= 12; seed++) {
    it(`decides the same, whatever is asked of both (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const pick: Pick = (list) => list[Math.floor(random() * list.length)] as never;
      const pair = new Pair(opened.client);
      for (let count = 0; count < 400; count++) await step(pair, random, pick);
      await pair.redis.close?.();
    });
  }

  it("counts the same where a log is as long as logs get, and longer than it has room for", async () => {
    const pair = new Pair(opened.client);
    // With a guard longer than its window a log would have to hold more than there is room for.
    const long: Bucket = { id: "l", kind: "rolling", dimension: "requests", limit: 250, windowMs: 2000, guardMs: 100 };
    const crowded: Bucket = { ...long, id: "x", limit: 10_000, guardMs: 3000 };
    const wanted = (bucket: Bucket): Candidate => ({ scopes: [], needs: [{ bucket, amount: 1 }] });
    for (let count = 0; count < 500; count++) {
      await pair.reserve([wanted(long)], "request", hour);
      if (count % 3 === 0) await pair.settle(0, { outcome: "success", sent: "yes", headersAfterMs: 30 });
      await pair.redis.reserve([wanted(crowded)], { leaseMs: hour, purpose: "request" });
      await pair.clock.advance(count % 100 === 99 ? 900 : 21);
      if (count % 50 === 0) await pair.read([], [long]);
    }
    // Nothing of what it had no room for is lost: it counts longer.
    const [held] = (await pair.redis.read([], [crowded])).buckets;
    expect(held?.used).toBeGreaterThanOrEqual(150);
    await pair.clock.advance(5001);
    expect((await pair.redis.read([], [crowded])).buckets).toEqual([
      { id: "x", used: 0, left: 10_000, resetInMs: null },
    ]);
    await pair.redis.close?.();
  });
});
