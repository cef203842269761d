import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bucket } from "../../src/limits/store.ts";
import type { Counter, Instant } from "../../src/limits/windows/counter.ts";
import { createCounter } from "../../src/limits/windows/create-counter.ts";

const windowMs = 1000;
const guardMs = 20;

function bucketOf(kind: Bucket["kind"], limit: number, edges?: Bucket["edges"]): Bucket {
  return { id: "a#limit", kind, dimension: "tokens", limit, windowMs, guardMs, edges };
}

/** A request: when it is reserved after the one before, how long until the provider counts it and until its answer. */
const request = fc.record({
  gapMs: fc.integer({ min: 0, max: 300 }),
  amount: fc.integer({ min: 1, max: 3 }),
  arrivesAfterMs: fc.integer({ min: 0, max: guardMs }),
  answersAfterMs: fc.integer({ min: 0, max: 2500 }),
  isSent: fc.boolean(),
});
type PlayedRequest = typeof request extends fc.Arbitrary<infer T> ? T : never;
const requests = fc.array(request, { minLength: 5, maxLength: 60 });

interface Arrival {
  readonly at: number;
  readonly amount: number;
}

/**
 * Plays requests against a counter as a rotator would: takes what fits, settles each at its answer. Returns when the
 * provider counted how much.
 */
function play(counter: Counter, bucket: Bucket, list: readonly PlayedRequest[], startAt: number): Arrival[] {
  const arrivals: Arrival[] = [];
  const open: { at: number; settle: () => void }[] = [];
  let now = startAt;
  for (const { gapMs, amount, arrivesAfterMs, answersAfterMs, isSent } of list) {
    now += gapMs;
    const due = open.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    for (const one of due) {
      one.settle();
      open.splice(open.indexOf(one), 1);
    }
    const at: Instant = { monotonic: now, wall: now };
    if (counter.waitFor(amount, bucket, at) !== 0) continue;
    const ticket = counter.take(amount, bucket, at);
    const headersAfterMs = arrivesAfterMs + answersAfterMs;
    if (isSent) arrivals.push({ at: now + arrivesAfterMs, amount });
    open.push({
      at: now + headersAfterMs,
      settle: () =>
        counter.settle(
          ticket,
          isSent ? 0 : -amount,
          Math.min(headersAfterMs, guardMs),
          bucket,
          now,
          isSent ? amount : 0,
        ),
    });
  }
  return arrivals;
}

function largestIn(arrivals: readonly Arrival[], isTogether: (first: number, other: number) => boolean): number {
  return Math.max(
    0,
    ...arrivals.map(({ at: first }) =>
      arrivals.reduce((sum, { at, amount }) => (isTogether(first, at) ? sum + amount : sum), 0),
    ),
  );
}

describe("createCounter", () => {
  it("never lets a provider count more than the limit in any half-open span of a rolling window", () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 3, max: 9 }), (list, limit) => {
        const bucket = bucketOf("rolling", limit);
        const arrivals = play(createCounter("rolling"), bucket, list, 5000);
        expect(largestIn(arrivals, (first, at) => at >= first && at < first + windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 500 },
    );
  });

  it("never lets a provider count more than the limit in one calendar window, however requests lie around its edges", () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 3, max: 9 }), (list, limit) => {
        const edges: [number, number, number] = [5000, 6000, 7000];
        const counter = createCounter("calendar");
        const bucket = bucketOf("calendar", limit, edges);
        const moved = moving(counter, edges);
        const arrivals = play(moved, bucket, list, 5500);
        const windowOf = (at: number) => Math.floor(at / windowMs);
        expect(largestIn(arrivals, (first, at) => windowOf(at) === windowOf(first))).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 500 },
    );
  });

  it("never lets a provider count more than the limit in a window that starts with its first arrival", () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 3, max: 9 }), (list, limit) => {
        const sent = list.map((one) => ({ ...one, isSent: true }));
        const arrivals = play(createCounter("anchored"), bucketOf("anchored", limit), sent, 5000);
        let endsAt = Number.NEGATIVE_INFINITY;
        let used = 0;
        for (const { at, amount } of [...arrivals].sort((a, b) => a.at - b.at)) {
          if (at >= endsAt) {
            endsAt = at + windowMs;
            used = 0;
          }
          used += amount;
          expect(used).toBeLessThanOrEqual(limit);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never holds more places than there are", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 80 }), fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const counter = createCounter("concurrency");
        const bucket = bucketOf("concurrency", limit);
        const at = { monotonic: 0, wall: 0 };
        const held: number[] = [];
        for (const isTaking of steps) {
          if (!isTaking) {
            const ticket = held.shift();
            if (ticket !== undefined) counter.settle(ticket, 0, 0, bucket, at.monotonic, 0);
          } else if (counter.waitFor(1, bucket, at) === 0) held.push(counter.take(1, bucket, at));
          expect(held.length).toBeLessThanOrEqual(limit);
          expect(counter.used(bucket, at)).toBe(held.length);
        }
      }),
    );
  });

  it("tells a wait after which the amount fits, and before which it does not", () => {
    fc.assert(
      fc.property(requests, fc.constantFrom("rolling", "anchored" as const), (list, kind) => {
        const bucket = bucketOf(kind, 4);
        const counter = createCounter(kind);
        play(counter, bucket, list, 5000);
        const now = 5000 + list.reduce((sum, { gapMs }) => sum + gapMs, 0);
        const waitMs = counter.waitFor(2, bucket, { monotonic: now, wall: now });
        if (waitMs > 0.5) {
          const before = now + waitMs - 0.5;
          expect(counter.waitFor(2, bucket, { monotonic: before, wall: before })).toBeGreaterThan(0);
        }
        const after = now + waitMs;
        expect(counter.waitFor(2, bucket, { monotonic: after, wall: after })).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  for (const kind of ["rolling", "calendar", "anchored"] as const) {
    it(`gives at least 95 % of a ${kind} limit to those who always want more`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 20, max: 400 }), fc.integer({ min: 1, max: 15 }), (limit, stepMs) => {
          const edges: [number, number, number] = [5000, 6000, 7000];
          const inner = createCounter(kind);
          const counter = kind === "calendar" ? moving(inner, edges) : inner;
          const bucket = bucketOf(kind, limit, edges);
          const lasts = 20 * windowMs;
          let granted = 0;
          for (let now = 5000; now < 5000 + lasts; now += stepMs) {
            const at = { monotonic: now, wall: now };
            while (granted < limit * 25 && counter.waitFor(1, bucket, at) === 0) {
              counter.settle(counter.take(1, bucket, at), 0, 10, bucket, now, 1);
              granted++;
            }
          }
          expect(granted / (limit * 20)).toBeGreaterThanOrEqual(0.95);
        }),
        { numRuns: 40 },
      );
    });
  }

  it("takes no window to begin with a first use that never counted", () => {
    const bucket = bucketOf("anchored", 3);
    const counter = createCounter("anchored");
    const at = (now: number): Instant => ({ monotonic: now, wall: now });
    const opener = counter.take(1, bucket, at(5000));
    counter.settle(opener, -1, 0, bucket, 5000, 0);
    expect(counter.used(bucket, at(5001))).toBe(0);

    const unsent = counter.take(1, bucket, at(6000));
    const second = counter.take(1, bucket, at(9000));
    counter.settle(unsent, -1, 0, bucket, 9001, 0);
    counter.settle(second, 0, 5, bucket, 9005, 1);
    // The provider's window began with the second: three fit into it, and no more before it is over.
    expect(counter.waitFor(2, bucket, at(9100))).toBe(0);
    counter.take(2, bucket, at(9100));
    expect(counter.waitFor(1, bucket, at(6000 + windowMs + guardMs))).toBeGreaterThan(0);
    expect(counter.waitFor(1, bucket, at(9100 + windowMs + guardMs))).toBe(0);
  });

  it("gives nothing out where the provider's window may have ended while the machine slept", () => {
    const bucket = bucketOf("anchored", 3);
    const counter = createCounter("anchored");
    counter.take(1, bucket, { monotonic: 5000, wall: 5000 });
    const slept = { monotonic: 5100, wall: 5100 + windowMs };
    expect(counter.waitFor(1, bucket, slept)).toBeGreaterThan(0);
    expect(counter.waitFor(1, bucket, { monotonic: 5000 + windowMs + guardMs, wall: 5000 + 2 * windowMs })).toBe(0);
  });

  it("gives the place of a request that was given up back when its provider can know", () => {
    const bucket = bucketOf("concurrency", 1);
    const counter = createCounter("concurrency");
    const at = (now: number): Instant => ({ monotonic: now, wall: now });
    const ticket = counter.take(1, bucket, at(100));
    counter.settle(ticket, 0, 25, bucket, 200, 0);
    expect(counter.waitFor(1, bucket, at(210))).toBe(15);
    expect(counter.waitFor(1, bucket, at(225))).toBe(0);
  });

  it("forgets what a corrected estimate freed, and remembers an overrun", () => {
    const bucket = bucketOf("rolling", 100);
    const counter = createCounter("rolling");
    const at = { monotonic: 1, wall: 1 };
    const ticket = counter.take(90, bucket, at);
    counter.settle(ticket, -50, 5, bucket, at.monotonic, 40);
    expect(counter.waitFor(60, bucket, at)).toBe(0);
    counter.settle(counter.take(60, bucket, at), 70, 5, bucket, at.monotonic, 130);
    expect(counter.used(bucket, at)).toBe(170);
    expect(counter.waitFor(1, bucket, at)).toBeGreaterThan(0);
  });

  it("says that an amount beyond the limit never fits", () => {
    for (const kind of ["rolling", "calendar", "anchored", "concurrency"] as const) {
      const counter = createCounter(kind);
      expect(counter.waitFor(5, bucketOf(kind, 4, [0, 1000, 2000]), { monotonic: 500, wall: 500 })).toBe(
        Number.POSITIVE_INFINITY,
      );
    }
  });
});

/** Moves a bucket's edges on with the time, as the tracker does for all buckets of a calendar. */
function moving(inner: Counter, edges: [number, number, number]): Counter {
  const move = (wall: number): void => {
    const start = Math.floor(wall / windowMs) * windowMs;
    [edges[0], edges[1], edges[2]] = [start, start + windowMs, start + 2 * windowMs];
  };
  return {
    waitFor: (amount, bucket, at) => {
      move(at.wall);
      return inner.waitFor(amount, bucket, at);
    },
    take: (amount, bucket, at) => inner.take(amount, bucket, at),
    settle: (ticket, change, delayMs, bucket, now, real) => inner.settle(ticket, change, delayMs, bucket, now, real),
    raise: (used, bucket, at) => inner.raise(used, bucket, at),
    used: (bucket, at) => inner.used(bucket, at),
    resetInMs: (bucket, at) => inner.resetInMs(bucket, at),
    isIdle: (at) => inner.isIdle(at),
    dump: (at) => inner.dump(at),
    load: (dump, at) => inner.load(dump, at),
  };
}
