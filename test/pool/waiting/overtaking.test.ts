import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mayGoOn, mostAsked, mostAskedBehind, mostOvertakings } from "../../../src/pool/waiting/overtaking.ts";

interface Waiter {
  readonly wants: number;
  overtaken: number;
}

/** A round as the queue makes it: `free` is what there is, and everybody is asked for in turn. */
function round(line: Waiter[], free: number): Waiter[] {
  const ahead: Waiter[] = [];
  let left = free;
  for (const waiter of [...line]) {
    const isServed = waiter.wants <= left;
    if (isServed) {
      left -= waiter.wants;
      line.splice(line.indexOf(waiter), 1);
      for (const each of ahead) each.overtaken++;
    }
    const answer = isServed ? "served" : left > 0 ? "too-large" : "nothing";
    const times = ahead.map(({ overtaken }) => overtaken);
    if (!mayGoOn(answer, times, waiter.overtaken)) break;
    if (!isServed) ahead.push(waiter);
  }
  return line;
}

/** The rule in words: the first eight that do not fit may be overtaken, eight times each; who fits before that is served. */
function expected(line: readonly Waiter[], free: number): readonly Waiter[] {
  let left = free;
  let passed: readonly Waiter[] = [];
  const served: Waiter[] = [];
  for (const waiter of line) {
    const isHeldUp = passed.length >= 8 || passed.some(({ overtaken }) => overtaken >= 8);
    if (isHeldUp || left === 0) break;
    if (waiter.wants > left) passed = [...passed, { ...waiter }];
    else {
      left -= waiter.wants;
      served.push(waiter);
      passed = passed.map(({ wants, overtaken }) => ({ wants, overtaken: overtaken + 1 }));
    }
  }
  return line.filter((waiter) => !served.includes(waiter));
}

describe("Overtaking in the wait queue", () => {
  const arrivals = fc.array(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 12 }), { maxLength: 30 });

  it("serves whoever fits, but overtakes nobody more than eight times and no more than eight at once", () => {
    fc.assert(
      fc.property(
        arrivals,
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 30, maxLength: 30 }),
        (came, frees) => {
          let line: Waiter[] = [];
          for (const [turn, wanted] of came.entries()) {
            line.push(...wanted.map((wants) => ({ wants, overtaken: 0 })));
            const free = frees[turn] as number;
            const left = expected(line, free);
            line = round(line, free);
            expect(line).toEqual(left);
            for (const { overtaken } of line) expect(overtaken).toBeLessThanOrEqual(mostOvertakings);
          }
        },
      ),
    );
  });

  it("asks at once for no more than those ahead may still be overtaken by", () => {
    expect(mostAskedBehind([])).toBe(mostAsked);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: mostOvertakings }), { minLength: 1 }), (ahead) => {
        expect(mostAskedBehind(ahead)).toBe(mostOvertakings - Math.max(...ahead));
      }),
    );
  });
});
