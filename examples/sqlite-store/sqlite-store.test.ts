import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Bucket, Candidate, Reservation } from "rotating-fetch";
import { FakeClock, storeContract } from "rotating-fetch/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SqliteStore } from "./sqlite-store.ts";

let directory = "";
let files = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-sqlite-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const newFile = (): string => join(directory, `${files++}.db`);
const options = { leaseMs: 60_000, purpose: "request" } as const;

function wanting(bucket: Bucket): Candidate {
  return { scopes: ["key:a"], needs: [{ bucket, amount: 1 }] };
}

function granted(store: SqliteStore, candidate: Candidate): Reservation {
  const answer = store.reserve([candidate], options);
  if (!answer.granted) throw new Error("refused");
  return answer;
}

const places: Bucket = { id: "a#places", kind: "concurrency", dimension: "concurrency", limit: 1, guardMs: 25 };
const minute: Bucket = {
  id: "a#minute",
  kind: "rolling",
  dimension: "requests",
  limit: 1,
  windowMs: 60_000,
  guardMs: 25,
};

describe("SqliteStore", () => {
  storeContract(
    { describe, it },
    ({ clock, random }) => {
      const path = newFile();
      const open = (): SqliteStore => new SqliteStore({ path, random, now: () => clock.wall() });
      return { store: open(), advance: (ms) => clock.advance(ms), another: open };
    },
    { capabilities: { synchronous: true, shared: true, persists: true }, slackMs: 1 },
  );

  it("keeps what was noted as old as it is when the machine's clock is set back", async () => {
    const clock = new FakeClock();
    const store = new SqliteStore({ path: newFile(), now: () => clock.wall() });
    granted(store, wanting(minute));
    store.cooldown([{ scope: "key:b", set: { forMs: 50_000 }, reason: "rate_limit", source: "operator" }]);
    await clock.advance(40_000);
    store.renew();
    clock.jumpWall(-3_600_000);
    const { scopes, buckets, now } = store.read(["key:b"], [minute]);
    expect((scopes[0]?.until ?? 0) - now).toBe(10_000);
    expect(buckets[0]).toMatchObject({ used: 1, resetInMs: 20_026 });
    await clock.advance(20_026);
    granted(store, wanting(minute));
    store.close();
  });

  it("throws when another process holds the file for too long, and takes the same report afterwards", () => {
    const path = newFile();
    const store = new SqliteStore({ path, busyTimeoutMs: 1 });
    const reservation = granted(store, wanting(places));
    const report = { reservation, outcome: "success", sent: "yes" } as const;
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    expect(() => store.settle([report])).toThrow("locked");
    other.exec("ROLLBACK");
    other.close();
    store.settle([report]);
    granted(store, wanting(places));
    store.close();
  });

  it("counts a handle among the instances until it is closed, or silent for a minute", async () => {
    const clock = new FakeClock();
    const path = newFile();
    const [one, other, silent] = [1, 2, 3].map(() => new SqliteStore({ path, now: () => clock.wall() })) as [
      SqliteStore,
      SqliteStore,
      SqliteStore,
    ];
    for (const store of [one, other, silent]) store.renew();
    const instances = (): number => {
      one.renew();
      return one.sharing().instances;
    };
    expect(instances()).toBe(3);
    other.close();
    expect(instances()).toBe(2);
    await clock.advance(60_001);
    expect(instances()).toBe(1);
    expect(one.sharing().rank).toBe(0);
    for (const store of [one, silent]) store.close();
  });

  it("does not open the file of a later version", () => {
    const path = newFile();
    new SqliteStore({ path }).close();
    const other = new Database(path);
    other.pragma("user_version = 99");
    other.close();
    expect(() => new SqliteStore({ path })).toThrow("later version (99)");
  });

  it("forgets what nobody will ask for again", async () => {
    const clock = new FakeClock();
    const path = newFile();
    const store = new SqliteStore({ path, now: () => clock.wall() });
    granted(store, wanting(minute));
    granted(store, wanting(places));
    store.cooldown([{ scope: "key:b", set: { forMs: 1000 }, reason: "rate_limit", source: "heuristic" }]);
    await clock.advance(8 * 86_400_000);
    store.renew();
    const other = new Database(path);
    const left = ["entries", "places", "cooldowns"].map((table) => other.prepare(`SELECT * FROM ${table}`).all());
    expect(left).toEqual([[], [], []]);
    other.close();
    store.close();
  });
});
