import { describe, expect, it } from "vitest";
import type { Bucket, Candidate, Reservation } from "../../src/limits/store.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { NastyStore } from "../../src/testing/nasty-store.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { storeContract } from "../../src/testing/store-contract.ts";

const options = { leaseMs: 60_000, purpose: "request" } as const;

function makeCandidate(): Candidate & { memo?: unknown } {
  const bucket = {
    id: "a#requests",
    kind: "rolling",
    dimension: "requests",
    limit: 1,
    windowMs: 1000,
    guardMs: 0,
  } as const;
  return { scopes: ["key:a"], needs: [{ bucket, amount: 1 }], memo: undefined };
}

describe("NastyStore", () => {
  // It keeps nothing beyond itself and tells nobody anything.
  storeContract(
    { describe, it },
    ({ clock, random }) => {
      const store = new NastyStore({ clock, random });
      return { store, advance: (ms) => clock.advance(ms), another: () => store.another() };
    },
    { capabilities: { shared: true } },
  );

  it("keeps nothing of the caller's objects and leaves nothing in them", async () => {
    const store = new NastyStore({ clock: new FakeClock(), random: seededRandom(1) });
    const candidate = makeCandidate();
    const asked = store.reserve([candidate], options);
    Object.assign(candidate.needs[0] as object, { amount: 5 });
    expect(await asked).toMatchObject({ granted: true });
    const [bucket] = candidate.needs.map((need) => need.bucket) as [Bucket];
    expect((await store.read([], [bucket])).buckets).toMatchObject([{ used: 1 }]);
    expect(candidate.memo).toBeUndefined();
  });

  it("knows a reservation by its id alone", async () => {
    const store = new NastyStore({ clock: new FakeClock(), random: seededRandom(1) });
    const { id } = (await store.reserve([makeCandidate()], options)) as Reservation;
    const copy = { id, granted: true, index: 0, reservedAt: 0, readyAt: 0 } as const;
    await store.settle([{ reservation: copy, outcome: "failure", sent: "no" }]);
    expect(await store.reserve([makeCandidate()], options)).toMatchObject({ granted: true });
  });

  it("goes by a clock of its own", async () => {
    const clock = new FakeClock({ monotonic: 100 });
    const store = new NastyStore({ clock, monotonicOffsetMs: 5000 });
    expect(await store.read([], [])).toMatchObject({ now: 5100 });
  });

  it("takes its time on the clock where that is asked for", async () => {
    const clock = new FakeClock();
    const store = new NastyStore({ clock, latency: "milliseconds", maxLatency: 40, random: () => 0.5 });
    let isAnswered = false;
    void store.reserve([makeCandidate()], options).then(() => {
      isAnswered = true;
    });
    await clock.advance(39);
    expect(isAnswered).toBe(false);
    await clock.advance(1);
    expect(isAnswered).toBe(true);
  });

  it("lets calls overtake each other", async () => {
    const store = new NastyStore({ clock: new FakeClock(), random: seededRandom(3) });
    const order: number[] = [];
    const calls = Array.from({ length: 10 }, (_, call) => store.read([], []).then(() => order.push(call)));
    await Promise.all(calls);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
  });

  it("refuses more candidates at once than it asked for", () => {
    const store = new NastyStore();
    const many = Array.from({ length: 17 }, makeCandidate);
    expect(() => store.reserve(many, options)).toThrow("at most 16");
  });
});
