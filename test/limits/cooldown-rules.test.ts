import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterSuccess, applyCooldown, type CooldownRecord, mayEndEarly } from "../../src/limits/cooldown-rules.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import type { CooldownChange, CooldownSource } from "../../src/types.ts";

const sources = ["authoritative", "heuristic", "credit", "operator"] as const satisfies readonly CooldownSource[];
const ladder = { baseMs: 100, factor: 2, maxMs: 5000, jitter: 0.2 };

const change = (set: CooldownChange["set"], source: CooldownSource): CooldownChange => ({
  scope: "account:a",
  set,
  reason: "rate_limit",
  source,
});

const setting = fc.record({
  gapMs: fc.integer({ min: 0, max: 500 }),
  source: fc.constantFrom(...sources),
  set: fc.oneof(
    fc.record({ forMs: fc.integer({ min: 0, max: 2000 }) }),
    fc.integer({ min: 0, max: 600 }).map((beganAgoMs) => ({ beganAgoMs })),
  ),
});

function toChange({ set, source }: typeof setting extends fc.Arbitrary<infer T> ? T : never, now: number) {
  if ("forMs" in set) return change(set, source);
  return change({ ladder, attemptStartedAt: now - set.beganAgoMs }, source);
}

describe("applyCooldown", () => {
  it("never shortens a cooldown, whatever cooldowns are set", () => {
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 30 }), (settings) => {
        const random = seededRandom(1);
        let record: CooldownRecord | undefined;
        let now = 1000;
        for (const one of settings) {
          now += one.gapMs;
          const before = record?.until ?? 0;
          record = applyCooldown(record, toChange(one, now), now, random);
          expect(record?.until ?? 0).toBeGreaterThanOrEqual(Math.min(before, before > now ? before : 0));
          if ("forMs" in one.set) expect(record?.until).toBeGreaterThanOrEqual(now + one.set.forMs);
        }
      }),
    );
  });

  it("changes nothing when the same change comes a second time", () => {
    fc.assert(
      fc.property(fc.array(setting, { minLength: 1, maxLength: 10 }), (settings) => {
        const random = seededRandom(1);
        let record: CooldownRecord | undefined;
        let now = 1000;
        for (const one of settings) {
          now += one.gapMs + 3000;
          const same = "beganAgoMs" in one.set ? { ...one, set: { beganAgoMs: one.set.beganAgoMs + 1 } } : one;
          record = applyCooldown(record, toChange(same, now), now, random);
          expect(applyCooldown(record, toChange(same, now), now, random)).toStrictEqual(record);
        }
      }),
    );
  });

  it("lets nobody but an operator end what a provider or an operator set, before its time", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("authoritative", "operator" as const),
        fc.array(setting, { maxLength: 10 }),
        fc.array(fc.constantFrom("heuristic", "credit", "authoritative" as const), { minLength: 1, maxLength: 5 }),
        (firm, settings, enders) => {
          const random = seededRandom(1);
          let record = applyCooldown(undefined, change({ forMs: 10_000 }, firm), 0, random) as CooldownRecord;
          let now = 0;
          for (const one of settings) {
            now += one.gapMs;
            record = applyCooldown(record, toChange(one, now), now, random) as CooldownRecord;
          }
          for (const source of enders)
            record = applyCooldown(record, change("end", source), now, random) as CooldownRecord;
          record = afterSuccess(record, now, now);
          expect(record.until).toBeGreaterThanOrEqual(10_000);
          expect(applyCooldown(record, change("end", "operator"), now, random)?.until).toBe(now);
        },
      ),
    );
  });

  it("climbs by one for each refused attempt that began after the rest did, and stops at the top", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (failures) => {
        let record: CooldownRecord | undefined;
        let now = 0;
        for (let count = 0; count < failures; count++) {
          const startedAt = now;
          now += 10;
          record = applyCooldown(record, change({ ladder, attemptStartedAt: startedAt }, "heuristic"), now, () => 0.5);
          const expectedMs = Math.min(100 * 2 ** count, 5000) * 1.1;
          expect((record as CooldownRecord).until - now).toBeCloseTo(expectedMs);
          now = (record as CooldownRecord).until;
        }
        expect(record?.strikes).toBe(failures);
      }),
    );
  });
});

describe("afterSuccess", () => {
  const record: CooldownRecord = {
    scope: "account:a",
    startedAt: 100,
    until: 900,
    reason: "rate_limit",
    source: "heuristic",
    strikes: 3,
  };

  it("ends a guess and clears its consecutive failures", () => {
    expect(afterSuccess(record, 200, 300)).toMatchObject({ until: 300, strikes: 0 });
  });

  it("clears consecutive failures after the cooldown has ended, without moving its end", () => {
    expect(afterSuccess(record, 950, 1000)).toMatchObject({ until: 900, strikes: 0 });
  });

  it("proves nothing when the attempt began before the rest", () => {
    expect(afterSuccess(record, 99, 300)).toBe(record);
  });

  it("leaves what may not end early", () => {
    for (const source of sources.filter((each) => !mayEndEarly(each))) {
      expect(afterSuccess({ ...record, source }, 200, 300).until).toBe(900);
    }
  });
});
