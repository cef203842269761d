import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LimitTicket } from "../../../src/testing/limits/judge-log.ts";
import { LimitJudge, type LimitRequest } from "../../../src/testing/limits/limit-judge.ts";
import type { ProviderLimit } from "../../../src/testing/limits/provider-limit.ts";
import { runs } from "../../support/runs.ts";
import { amount, NaiveJudge, type NaiveUse, sum } from "./naive-judge.ts";

const start = Date.parse("2026-03-08T09:59:50Z");

const amounts = fc.oneof(
  fc.record({ requests: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ tokens: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ inputTokens: fc.integer({ min: 1, max: 25 }), outputTokens: fc.integer({ min: 1, max: 25 }) }),
  fc.record({ concurrency: fc.integer({ min: 1, max: 4 }), requests: fc.integer({ min: 2, max: 9 }) }),
);

const windows: fc.Arbitrary<ProviderLimit> = fc.oneof(
  fc.record({ per: fc.integer({ min: 1, max: 300 }), window: fc.constantFrom("rolling", "anchored", undefined) }),
  fc.record({
    per: fc.constantFrom("second", "minute", "day"),
    window: fc.constant("calendar" as const),
    timeZone: fc.constantFrom("UTC", "America/Los_Angeles", "Asia/Kolkata"),
  }),
);

const coverages: fc.Arbitrary<ProviderLimit> = fc.record({
  scope: fc.constantFrom("key", "account", undefined),
  models: fc.constantFrom(undefined, undefined, "*:free", ["one*", "two:free"]),
  perModel: fc.boolean(),
});

const limit: fc.Arbitrary<ProviderLimit> = fc
  .tuple(amounts, windows, coverages)
  .map(([counted, window, coverage]) => ({ ...counted, ...window, ...coverage }));

const keys = [
  { key: "first", account: "acme" },
  { key: "second", account: "acme" },
  { key: "third", account: undefined },
] as const;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("arrive" as const),
      afterMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom(0, 0, 100, 300, 1_000, 61_000)),
      who: fc.constantFrom(...keys),
      model: fc.constantFrom(undefined, "one:free", "two:free", "two"),
      inputTokens: fc.integer({ min: 0, max: 12 }),
      outputTokens: fc.integer({ min: 0, max: 12 }),
      limits: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("finish" as const),
      which: fc.nat(),
      afterMs: fc.integer({ min: 0, max: 20 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("jump" as const), byMs: fc.integer({ min: -90_000, max: 90_000 }) }),
  },
);

const lists = fc.array(fc.array(limit, { maxLength: 3 }), { minLength: 3, maxLength: 3 });

describe("LimitJudge beside one that counts everything anew", () => {
  it("says the same of every request, whatever is limited, finished, declared late or shown by the wall clock", () => {
    let refusals = 0;
    fc.assert(
      fc.property(
        lists,
        fc.boolean(),
        fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
        (limits, countRefused, steps) => {
          const judge = new LimitJudge([], { countRefused });
          const naive = new NaiveJudge(countRefused);
          const open: { ticket: LimitTicket; use: NaiveUse }[] = [];
          let [at, wall, mostOpen] = [5_000, start, 0];
          for (const each of steps) {
            if (each.type === "jump") wall += each.byMs;
            else {
              at += each.afterMs;
              wall += each.afterMs;
            }
            if (each.type === "finish") {
              const [ended] = open.length === 0 ? [] : open.splice(each.which % open.length, 1);
              if (ended === undefined) continue;
              judge.finish(ended.ticket, at);
              ended.use.isOpen = false;
            }
            if (each.type !== "arrive") continue;
            const { who, model, inputTokens, outputTokens } = each;
            const request: LimitRequest = {
              ...who,
              at,
              wall,
              model,
              inputTokens,
              outputTokens,
              limits: limits[each.limits],
            };
            const verdict = judge.arrive(request);
            const { use, ...expected } = naive.arrive(request);
            expect({ allowed: verdict.allowed, retryAfterMs: verdict.retryAfterMs }).toEqual(expected);
            if (verdict.allowed && use !== undefined) open.push({ ticket: verdict.ticket, use });
            else refusals++;
            mostOpen = Math.max(mostOpen, open.length);
          }
          const letThrough = naive.uses.filter((use) => use.isLetThrough);
          for (const dimension of ["requests", "tokens", "inputTokens", "outputTokens"] as const) {
            const sums = letThrough.map(({ at: end }) =>
              sum(letThrough.filter((use) => use.at <= end && use.at > end - 200).map((use) => amount(dimension, use))),
            );
            expect(judge.maxInAnyWindow(200, { dimension })).toBe(Math.max(0, ...sums));
          }
          expect(judge.peakConcurrency()).toBe(mostOpen);
        },
      ),
      { numRuns: runs(1_000) },
    );
    // About two a run: most runs must have met a limit.
    expect(refusals).toBeGreaterThan(runs(700));
  });

  it("lets a refused request through exactly when it said it would", () => {
    const arrivals = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 5,
    });
    fc.assert(
      fc.property(fc.array(limit, { minLength: 1, maxLength: 3 }), arrivals, (drawn, gaps) => {
        const limits = drawn.map((each) => ({ ...each, concurrency: undefined }));
        const judge = new LimitJudge(limits);
        let at = start;
        for (const [gapMs, outputTokens] of gaps) {
          at += gapMs;
          const request = { key: "first", model: "one:free", outputTokens };
          const { allowed, retryAfterMs } = judge.arrive({ ...request, at });
          if (allowed || retryAfterMs === null) continue;
          at += retryAfterMs - 1;
          expect(judge.arrive({ ...request, at }).allowed).toBe(false);
          at += 1;
          expect(judge.arrive({ ...request, at }).allowed).toBe(true);
        }
      }),
      { numRuns: runs(300) },
    );
  });
});
