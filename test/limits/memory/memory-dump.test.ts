import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dumpContents, dumpText } from "../../../src/limits/memory/memory-dump.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { Bucket, Candidate, StoreDump } from "../../../src/limits/store.ts";
import type { Counter, Instant } from "../../../src/limits/windows/counter.ts";
import { createCounter } from "../../../src/limits/windows/create-counter.ts";
import { FakeClock } from "../../../src/testing/index.ts";

const windowMs = 60_000;
const guardMs = 1000;
const options = { leaseMs: 600_000, purpose: "request" } as const;

function bucketOf(kind: Bucket["kind"], id = `a#${kind}`, limit = 5): Bucket {
  const start = Date.UTC(2026, 0, 1);
  const edges = [start, start + windowMs, start + 2 * windowMs] as const;
  return { id, kind, dimension: "requests", limit, windowMs, guardMs, edges };
}

function wanting(...buckets: readonly Bucket[]): Candidate {
  return { scopes: ["key:a"], needs: buckets.map((bucket) => ({ bucket, amount: 1 })) };
}

function copyOf(dump: StoreDump): {
  format: unknown;
  version: unknown;
  state: { cooldowns: object[]; counters: object[] };
} {
  return JSON.parse(JSON.stringify(dump)) as never;
}

describe("MemoryStore.dump", () => {
  it("is plain data that JSON gives back as it was, with times on the wall clock", () => {
    const clock = new FakeClock({ wall: Date.UTC(2026, 0, 1), monotonic: 5000 });
    const store = new MemoryStore({ clock });
    store.reserve(
      [wanting(bucketOf("rolling"), bucketOf("calendar"), bucketOf("anchored"), bucketOf("concurrency"))],
      options,
    );
    store.cooldown([
      { scope: "key:b", set: { forMs: Number.POSITIVE_INFINITY }, reason: "operator", source: "operator" },
    ]);
    const dump = store.dump();
    expect(JSON.parse(JSON.stringify(dump))).toEqual(dump);
    const now = clock.wall();
    expect(dump).toEqual({
      format: "rotating-fetch/memory",
      version: 2,
      state: {
        savedAt: now,
        cooldowns: [
          { scope: "key:b", until: null, startedAt: now, reason: "operator", source: "operator", strikes: 0 },
        ],
        counters: [
          { id: "a#rolling", counted: { kind: "rolling", spanMs: windowMs + guardMs, entries: [1, now, now, 1, 0] } },
          {
            id: "a#calendar",
            counted: expect.objectContaining({ kind: "calendar", start: now, end: now + windowMs, now: 1 }),
          },
          {
            id: "a#anchored",
            counted: { kind: "anchored", spanMs: windowMs + guardMs, startedAt: now, startedBy: now, used: 1 },
          },
        ],
      },
    });
  });

  it("leaves out what counts no more, and an ended cooldown without consecutive failures", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    store.reserve([wanting(bucketOf("rolling"), bucketOf("anchored"))], options);
    store.cooldown([{ scope: "key:b", set: { forMs: 1000 }, reason: "rate_limit", source: "heuristic" }]);
    await clock.advance(windowMs + guardMs);
    expect(store.dump().state).toMatchObject({ cooldowns: [], counters: [] });
  });

  it("leaves out what is no number, so that it can be read again", () => {
    const store = new MemoryStore({ clock: new FakeClock() });
    const tokens = (kind: Bucket["kind"]): Bucket => ({ ...bucketOf(kind), dimension: "tokens" });
    const candidate = wanting(tokens("rolling"), tokens("calendar"), tokens("anchored"));
    const reservation = store.reserve([candidate], options);
    if (!reservation.granted) throw new Error("refused");
    store.settle([{ reservation, outcome: "success", sent: "yes", amounts: { tokens: Number.NaN } }]);
    new MemoryStore().load(copyOf(store.dump()) as StoreDump);
  });

  it("has the same text as a whole and in parts", () => {
    const store = new MemoryStore({ clock: new FakeClock() });
    const text = (): string => [...dumpText(store.contents, store.instant())].join("");
    expect(JSON.parse(text())).toEqual(store.dump());
    store.reserve([wanting(bucketOf("rolling"), bucketOf("calendar"), bucketOf("concurrency"))], options);
    store.cooldown([{ scope: "key:b", set: { forMs: 1000 }, reason: "rate_limit", source: "heuristic" }]);
    expect(JSON.parse(text())).toEqual(dumpContents(store.contents, store.instant()));
  });
});

describe("MemoryStore.load", () => {
  const used = (): MemoryStore => {
    const store = new MemoryStore({ clock: new FakeClock() });
    store.reserve([wanting(bucketOf("rolling"), bucketOf("calendar"), bucketOf("anchored"))], options);
    store.cooldown([{ scope: "key:b", set: { forMs: 1000 }, reason: "rate_limit", source: "heuristic" }]);
    return store;
  };

  it.each([
    ["dump", () => undefined, "an object, got undefined"],
    ["dump.format", (dump: object) => ({ ...dump, format: "other" }), '"rotating-fetch/memory", got "other"'],
    ["dump.version", (dump: object) => ({ ...dump, version: 3 }), "2, the one this version writes, or 1, got 3"],
    ["dump.state", (dump: object) => ({ ...dump, state: [] }), "an object, got a list"],
    [
      "dump.state.counters",
      (dump: object) => ({ ...dump, state: { savedAt: 1, cooldowns: [] } }),
      "a list, got undefined",
    ],
  ])("refuses what has a wrong %s, and says what was expected and what came", (field, change, words) => {
    const store = new MemoryStore();
    const wrong = change(used().dump());
    expect(() => store.load(wrong as StoreDump)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS", field, message: `Expected \`${field}\` to be ${words}` }),
    );
  });

  it.each([
    ["cooldowns", 0, { until: "soon" }, "cooldowns[0].until"],
    ["cooldowns", 0, { source: "rumour" }, "cooldowns[0].source"],
    ["cooldowns", 0, { scope: 7 }, "cooldowns[0].scope"],
    ["counters", 1, { id: null }, "counters[1].id"],
    ["counters", 0, { counted: { kind: "rolling", spanMs: 1, entries: [1, 2] } }, "counters[0].counted.entries"],
    [
      "counters",
      0,
      { counted: { kind: "rolling", spanMs: 1, entries: [1, 2, 3, 4, null] } },
      "counters[0].counted.entries",
    ],
    ["counters", 1, { counted: { kind: "calendar", start: 1 } }, "counters[1].counted.startBefore"],
    ["counters", 2, { counted: { kind: "anchored", startedAt: 1, startedBy: 1 } }, "counters[2].counted.used"],
    ["counters", 2, { counted: { kind: "concurrency" } }, "counters[2].counted.kind"],
  ] as const)("loads nothing of a dump that has one entry out of shape: %s[%i] %j", (list, place, change, field) => {
    const store = new MemoryStore();
    const dump = copyOf(used().dump());
    Object.assign(dump.state[list][place] as object, change);
    expect(() => store.load(dump as StoreDump)).toThrow(expect.objectContaining({ field: `dump.state.${field}` }));
    expect([store.contents.cells.size, store.contents.counters.size]).toEqual([0, 0]);
  });

  it("takes a dump of version 0.1.0, which had limits that were stated among it", () => {
    const dump = copyOf(used().dump());
    const statements = [{ id: "a#rolling", kind: "rolling", limit: 3, sentAt: 1, until: 2 }];
    Object.assign(dump, { version: 1 });
    Object.assign(dump.state, { statements });
    const store = new MemoryStore({ clock: new FakeClock() });
    store.load(dump as StoreDump);
    expect(store.read([], [bucketOf("rolling")]).buckets).toMatchObject([{ used: 1, left: 4 }]);
  });

  it("does not repeat texts that may be secrets", () => {
    const store = new MemoryStore();
    const text = `test-${Math.random()}`;
    expect(() => store.load({ format: text, version: 1, state: {} })).toThrow("got a value of type string");
  });

  it("takes over into a store that was only looked at, and tells those who watch", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const candidate = wanting(bucketOf("rolling", "a#rolling", 1));
    store.reserve([candidate], { ...options, dryRun: true });
    const told: string[] = [];
    store.watch((change) => void told.push(change.type));
    store.load(used().dump());
    expect(told).toEqual(["cooled"]);
    expect(store.reserve([candidate], options)).toMatchObject({ granted: false });
  });

  it("names what a store already counts when it refuses", () => {
    const store = used();
    expect(() => store.load(used().dump())).toThrow("got one with 1 cooldowns and 3 counters in use");
  });

  it("lets nothing wait longer than its own length when the wall clock was set back", async () => {
    const before = used();
    const dump = before.dump();
    const clock = new FakeClock({ wall: Date.UTC(2020, 0, 1) });
    const store = new MemoryStore({ clock });
    store.load(dump);
    expect(store.read(["key:b"], []).scopes[0]?.until).toBe(1000);
    const [rolling, calendar, anchored] = store.read(
      [],
      [bucketOf("rolling"), bucketOf("calendar"), bucketOf("anchored")],
    ).buckets;
    expect([rolling?.resetInMs, calendar?.used, anchored?.resetInMs]).toEqual([
      windowMs + guardMs,
      0,
      windowMs + guardMs,
    ]);
  });
});

describe("a counter that is dumped and loaded", () => {
  const edgesAt = (wall: number): [number, number, number] => {
    const start = Math.floor(wall / windowMs) * windowMs;
    return [start, start + windowMs, start + 2 * windowMs];
  };
  const step = fc.record({
    gapMs: fc.integer({ min: 0, max: 30_000 }),
    amount: fc.integer({ min: 1, max: 3 }),
    restarts: fc.boolean(),
    answerMs: fc.option(fc.integer({ min: 0, max: guardMs }), { nil: undefined }),
  });

  it.each(["rolling", "calendar", "anchored"] as const)("decides as one that lived on: %s", (kind) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 1e6 }), (steps, offset) => {
        let wall = Date.UTC(2026, 0, 1);
        let life = 1;
        const living = createCounter(kind);
        let restarted: Counter = createCounter(kind);
        for (const { gapMs, amount, restarts, answerMs } of steps) {
          const at = (): Instant => ({ monotonic: wall - Date.UTC(2026, 0, 1) + offset * life, wall });
          if (restarts) {
            const dump = restarted.dump(at());
            restarted = createCounter(kind);
            life++;
            if (dump !== undefined) restarted.load(JSON.parse(JSON.stringify(dump)) as typeof dump, at());
          }
          wall += gapMs;
          const bucket: Bucket = { ...bucketOf(kind), edges: edgesAt(wall) };
          const lived: Instant = { monotonic: wall, wall };
          const waits = [living.waitFor(amount, bucket, lived), restarted.waitFor(amount, bucket, at())];
          expect(waits[1]).toBe(waits[0]);
          if (waits[0] !== 0) continue;
          const tickets = [living.take(amount, bucket, lived), restarted.take(amount, bucket, at())] as const;
          if (answerMs === undefined) continue;
          living.settle(tickets[0], 0, answerMs, bucket, lived.monotonic, amount);
          restarted.settle(tickets[1], 0, answerMs, bucket, at().monotonic, amount);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("MemoryStore", () => {
  const fill = (store: MemoryStore, from: number, count: number): void => {
    for (let key = from; key < from + count; key++) {
      const reservation = store.reserve(
        [wanting(bucketOf("rolling", `k${key}#rolling`), bucketOf("concurrency", `k${key}#concurrency`))],
        options,
      );
      if (reservation.granted) store.settle([{ reservation, outcome: "success", sent: "yes" }]);
    }
  };

  it("forgets counters of keys nobody uses any more", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    for (let round = 0; round < 20; round++) {
      fill(store, round * 2000, 2000);
      await clock.advance(30 * 60_000);
    }
    expect(store.contents.counters.size).toBeLessThan(8192);
  });

  it("keeps every count that still matters when it forgets others", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const kept = [
      wanting(bucketOf("rolling", "kept#rolling", 1)),
      wanting(bucketOf("concurrency", "kept#concurrency", 1)),
    ];
    for (const candidate of kept) store.reserve([candidate], options);
    fill(store, 0, 5000);
    for (const candidate of kept) expect(store.reserve([candidate], options).granted).toBe(false);
    await clock.advance(windowMs + guardMs);
    fill(store, 5000, 5000);
    for (const candidate of kept) store.reserve([candidate], options);
    await clock.advance(20 * 60_000);
    fill(store, 10_000, 9000);
    const [once] = kept as [Candidate];
    expect(store.reserve([once], options).granted).toBe(true);
    fill(store, 20_000, 9000);
    expect(store.reserve([once], options).granted).toBe(false);
  });
});
