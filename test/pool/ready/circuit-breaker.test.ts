import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CircuitBreaker } from "../../../src/pool/ready/circuit-breaker.ts";

const minute = 60_000;

/** What may happen to whatever is behind a breaker. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant("cool" as const), forMs: fc.integer({ min: 1, max: 6e6 }) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("state" as const), forMs: fc.integer({ min: 1, max: 6e6 }) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant("pass" as const), forMs: fc.integer({ min: 1, max: 1e6 }) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant("succeed" as const), forMs: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("end" as const), forMs: fc.constant(0) }) },
);

describe("CircuitBreaker", () => {
  it("lets nothing through before the end or a probe, and one more at a time behind it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const breaker = new CircuitBreaker();
        let now = 1;
        let endsAt = 0;
        let wakeAt = 0;
        let successes = Number.POSITIVE_INFINITY;
        for (const { does, forMs } of steps) {
          if (does === "cool" || does === "state") {
            // A store never shortens what holds.
            endsAt = Math.max(endsAt, now + forMs);
            wakeAt = breaker.open(now, endsAt, does === "cool");
            successes = 0;
            expect(wakeAt).toBeGreaterThan(now);
            expect(wakeAt).toBeLessThanOrEqual(endsAt);
            if (does === "state") expect(wakeAt).toBe(endsAt);
            else if (endsAt - now <= minute) expect(wakeAt).toBe(endsAt);
            else expect(wakeAt - now).toBeLessThanOrEqual(15 * minute);
          } else if (does === "pass") {
            now += forMs;
            if (now < wakeAt) continue;
            breaker.onGranted(now, 1);
            // One request is the probe, not every one that follows.
            expect(breaker.isProbeDue(now)).toBe(false);
          } else if (does === "end") {
            endsAt = 0;
            breaker.end();
            expect(breaker.isProbeDue(now)).toBe(false);
          } else if (breaker.permits > 0) {
            breaker.onSuccess();
            successes++;
          }
          expect(breaker.permits).toBe(successes > 5 ? 0 : 2 ** successes);
        }
      }),
    );
  });

  it("probes a guess of a day after 15 minutes, and as often again while it holds", () => {
    const breaker = new CircuitBreaker();
    const day = 24 * 60 * minute;
    const looks: number[] = [];
    for (let now = 1; now < day; ) {
      const at = breaker.open(now, day, true);
      looks.push(at - now);
      now = at;
      if (now < day) expect(breaker.isProbeDue(now)).toBe(true);
      expect(breaker.onGranted(now, 1)).toBe(true);
    }
    expect(looks.slice(0, 3)).toEqual([15 * minute, 15 * minute, 15 * minute]);
    expect(Math.min(...looks)).toBeGreaterThan(0);
  });

  it("keeps the probe that is planned when the same guess is met again", () => {
    const breaker = new CircuitBreaker();
    const planned = breaker.open(1, 10 * minute, true);
    expect(breaker.open(planned - 10, 10 * minute, true)).toBe(planned);
    expect(breaker.open(planned - 5, 10 * minute, false)).toBe(10 * minute);
  });

  it("is closed after six successes in a row, and not after a refusal between them", () => {
    const breaker = new CircuitBreaker();
    breaker.open(1, 1000, false);
    for (let success = 0; success < 5; success++) breaker.onSuccess();
    expect([breaker.permits, breaker.isClosed]).toEqual([32, false]);
    breaker.open(2000, 3000, false);
    expect(breaker.permits).toBe(1);
    for (let success = 0; success < 6; success++) breaker.onSuccess();
    expect([breaker.permits, breaker.isClosed]).toEqual([0, true]);
  });
});
