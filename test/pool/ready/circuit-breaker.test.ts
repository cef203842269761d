import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CircuitBreaker, probedInMs } from "../../../src/pool/ready/circuit-breaker.ts";

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
  it("lets nothing through before the end or a probe, and twice as many with each batch behind it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const breaker = new CircuitBreaker();
        let now = 1;
        let endsAt = 0;
        let wakeAt = 0;
        let openedAt = 0;
        let successes = Number.POSITIVE_INFINITY;
        for (const { does, forMs } of steps) {
          if (does === "cool" || does === "state") {
            // A store never shortens what holds.
            endsAt = Math.max(endsAt, now + forMs);
            wakeAt = breaker.open(now, endsAt, does === "cool" ? 30 * minute : 0);
            openedAt = now;
            successes = 0;
            expect(wakeAt).toBeGreaterThan(now);
            expect(wakeAt).toBeLessThanOrEqual(endsAt);
            if (does === "state") expect(wakeAt).toBe(endsAt);
            else if (endsAt - now <= minute) expect(wakeAt).toBe(endsAt);
            else expect(wakeAt - now).toBeLessThanOrEqual(30 * minute);
          } else if (does === "pass") {
            now += forMs;
            if (now < wakeAt) continue;
            breaker.onGranted(now);
            // One request is the probe, not every one that follows.
            expect(breaker.isProbeDue(now)).toBe(false);
          } else if (does === "end") {
            endsAt = 0;
            openedAt = Number.NEGATIVE_INFINITY;
            breaker.end();
            expect(breaker.isProbeDue(now)).toBe(false);
          } else if (breaker.permits > 0) {
            breaker.take(now);
            breaker.onSuccess(now);
            if (now >= openedAt) successes++;
          }
          expect(breaker.permits).toBe(successes > 30 ? 0 : 2 ** Math.floor(Math.log2(successes + 1)));
        }
      }),
    );
  });

  it("lets one through, then two and four, and what ends without proof has another take its place", () => {
    const breaker = new CircuitBreaker();
    breaker.open(0, 1000, 0);
    const sent = (now: number): number => {
      let count = 0;
      for (; breaker.hasPermit(now); count++) breaker.take(now);
      return count;
    };
    expect(sent(1000)).toBe(1);
    breaker.giveBack(1000);
    expect(sent(1001)).toBe(1);
    breaker.onSuccess(1001);
    expect(sent(1002)).toBe(2);
    breaker.onSuccess(1002);
    expect(sent(1003)).toBe(0);
    breaker.onSuccess(1002);
    expect(sent(1004)).toBe(4);
    // It began before the cooldown did.
    breaker.open(1005, 2000, 0);
    breaker.onSuccess(1004);
    breaker.giveBack(1004);
    expect(sent(2000)).toBe(1);
  });

  it("lets more through where nothing ends for a second, so that a permit that is never given back holds up nobody", () => {
    const breaker = new CircuitBreaker();
    breaker.open(0, 1000, 0);
    breaker.take(1000);
    expect([breaker.hasPermit(1999), breaker.hasPermit(2000)]).toEqual([false, true]);
    breaker.take(2000);
    expect([breaker.permits, breaker.hasPermit(2000)]).toEqual([2, true]);
  });

  it("counts whoever could not be kept waiting among those that were let through", () => {
    const breaker = new CircuitBreaker();
    breaker.open(0, 1000, 0);
    for (let request = 0; request < 3; request++) breaker.take(1000);
    breaker.giveBack(1000);
    breaker.giveBack(1000);
    expect(breaker.hasPermit(1001)).toBe(false);
    breaker.giveBack(1000);
    expect(breaker.hasPermit(1001)).toBe(true);
  });

  it("probes a guess of a day after half an hour, and as often again while it holds", () => {
    const breaker = new CircuitBreaker();
    const day = 24 * 60 * minute;
    const looks: number[] = [];
    for (let now = 1; now < day; ) {
      const at = breaker.open(now, day, 30 * minute);
      looks.push(at - now);
      now = at;
      if (now < day) expect(breaker.isProbeDue(now)).toBe(true);
      breaker.take(now);
      expect(breaker.onGranted(now)).toBe(true);
    }
    expect(looks.slice(0, 3)).toEqual([30 * minute, 30 * minute, 30 * minute]);
    expect(Math.min(...looks)).toBeGreaterThan(0);
  });

  it("probes a long guess once an hour while others serve, and every few minutes where one is missed", () => {
    const looks = (lengthMs: number) =>
      [
        [false, false],
        [true, false],
        [true, true],
      ].map(([isNeeded = false, isMissed = false]) =>
        probedInMs({ source: "heuristic", reason: "forbidden" }, lengthMs, isNeeded, isMissed),
      );
    expect(looks(minute)).toEqual([0, 0, 0]);
    expect(looks(8 * minute)).toEqual([2 * minute, 2 * minute, minute]);
    expect(looks(60 * minute)).toEqual([60 * minute, 15 * minute, 5 * minute]);
    expect(probedInMs({ source: "credit", reason: "quota_exhausted" }, 600 * minute, false, false)).toBe(15 * minute);
    expect(probedInMs({ source: "authoritative", reason: "rate_limit" }, 600 * minute, true, true)).toBe(0);
  });

  it("plans no probe beyond the end, which would let a second one through right after it", () => {
    const breaker = new CircuitBreaker();
    expect(breaker.open(1, 50 * minute, 60 * minute)).toBe(50 * minute);
    expect(breaker.isProbeDue(61 * minute)).toBe(false);
  });

  it("keeps the probe that is planned when the same guess is met again", () => {
    const breaker = new CircuitBreaker();
    const planned = breaker.open(1, 10 * minute, 30 * minute);
    expect(breaker.open(planned - 10, 10 * minute, 30 * minute)).toBe(planned);
    expect(breaker.open(planned - 5, 10 * minute, 0)).toBe(10 * minute);
  });

  it("is closed after sixteen succeeded together, and not after a refusal between them", () => {
    const breaker = new CircuitBreaker();
    breaker.open(1, 1000, 0);
    const succeed = (times: number): void => {
      for (let time = 0; time < times; time++) {
        breaker.take(3000);
        breaker.onSuccess(3000);
      }
    };
    succeed(30);
    expect([breaker.permits, breaker.isClosed]).toEqual([16, false]);
    breaker.open(2000, 3000, 0);
    expect(breaker.permits).toBe(1);
    succeed(31);
    expect([breaker.permits, breaker.isClosed]).toEqual([0, true]);
  });
});
