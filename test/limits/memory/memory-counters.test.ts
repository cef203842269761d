import { describe, expect, test } from "vitest";
import { fillTokens } from "../../../src/limits/key-candidate.ts";
import { resolveLimits } from "../../../src/limits/limits.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import { type LimitedKey, PoolLimits } from "../../../src/limits/pool-limits.ts";
import type { Bucket, Candidate } from "../../../src/limits/store.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import type { Limit } from "../../../src/types.ts";

const asking = { leaseMs: 60_000, purpose: "request" } as const;
const one: readonly Limit[] = [{ requests: 1, per: "minute" }];

/** A pool's limits over a store, with keys that tell when they are asked for their id. */
function makePool(clock: FakeClock, declared: readonly Limit[] = one) {
  const limits = new PoolLimits({
    clock,
    guardMs: undefined,
    cooldownMs: 1000,
    maxCooldownMs: 1000,
    egress: "here",
    isStoreOurs: true,
  });
  const templates = resolveLimits("limits", declared);
  const named: string[] = [];
  const makeKey = (name: string): LimitedKey => {
    const nameOf = (): string => {
      named.push(name);
      return name;
    };
    return {
      get id() {
        return nameOf();
      },
      account: {
        get id() {
          return `generic/${nameOf()}`;
        },
        provider: { id: "generic" },
        limits: templates,
      },
      config: { limits: undefined },
      secret: { fingerprint: undefined },
    };
  };
  return { limits, makeKey, named };
}

/** Is there room? Takes it. */
function takes(store: MemoryStore, candidate: Candidate): boolean {
  return store.reserve([candidate], asking).granted;
}

describe("A memory store", () => {
  test("counts for keys of one pool without asking for a name", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const { limits, makeKey, named } = makePool(clock);
    const candidates = ["a", "b"].map((name) => limits.firstCandidateFor(makeKey(name)));
    expect(candidates.map((candidate) => takes(store, candidate))).toEqual([true, true]);
    expect(named).toEqual([]);
    expect(candidates.map((candidate) => takes(store, candidate))).toEqual([false, false]);
  });

  test("tells what it counted so to whoever asks by name, and goes on counting there", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const { limits, makeKey } = makePool(clock, [{ requests: 2, per: "minute" }]);
    const key = makeKey("a");
    const first = limits.firstCandidateFor(key);
    takes(store, first);
    const buckets = limits.bucketsOf(key).map(({ bucket }) => bucket);
    expect(store.read([], buckets).buckets).toMatchObject([{ used: 1, left: 1 }]);
    expect(takes(store, limits.candidateFor(key, "some-model"))).toBe(true);
    expect(takes(store, first)).toBe(false);
    expect(store.read([], buckets).buckets).toMatchObject([{ used: 2, left: 0 }]);
  });

  test("counts for two pools together what has one name, whichever was first", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const [one, other] = [makePool(clock), makePool(clock)];
    const of = ({ limits, makeKey }: typeof one, name: string) => limits.firstCandidateFor(makeKey(name));
    expect(takes(store, of(one, "a"))).toBe(true);
    expect(takes(store, of(other, "a"))).toBe(false);
    expect(takes(store, of(other, "b"))).toBe(true);
    // Met only now by the pool that was alone at first.
    expect(takes(store, of(one, "b"))).toBe(false);
  });

  test("goes on with what a dump has of a key that it meets for the first time", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const before = makePool(clock);
    takes(store, before.limits.firstCandidateFor(before.makeKey("a")));
    const next = new MemoryStore({ clock });
    next.load(store.dump());
    const { limits, makeKey } = makePool(clock);
    expect(takes(next, limits.firstCandidateFor(makeKey("a")))).toBe(false);
    expect(takes(next, limits.firstCandidateFor(makeKey("b")))).toBe(true);
  });

  test("keeps its count when it is dumped and a cooldown comes afterwards", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const { limits, makeKey } = makePool(clock);
    const candidate = limits.firstCandidateFor(makeKey("a"));
    expect(takes(store, candidate)).toBe(true);
    store.dump();
    store.cooldown([{ scope: "key:generic/b", set: { forMs: 1000 }, reason: "test", source: "operator" }]);
    expect(takes(store, candidate)).toBe(false);
  });

  test("asks by the amounts of each request, before and after its buckets have names", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const { limits, makeKey } = makePool(clock, [{ tokens: 100, per: "minute" }]);
    const candidate = limits.firstCandidateFor(makeKey("a"));
    const takesTokens = (tokens: number): boolean => {
      fillTokens(candidate.ofTokens ?? [], tokens, 0);
      return takes(store, candidate);
    };
    expect([takesTokens(60), takesTokens(60)]).toEqual([true, false]);
    expect(store.read([], [candidate.needs[0]?.bucket as Bucket]).buckets).toMatchObject([{ used: 60 }]);
    expect([takesTokens(50), takesTokens(30), takesTokens(11), takesTokens(10)]).toEqual([false, true, false, true]);
  });

  test("keeps its count while cooldowns come, and raises it where somebody knows more", () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const { limits, makeKey } = makePool(clock, [{ requests: 3, per: "minute" }]);
    const candidate = limits.firstCandidateFor(makeKey("a"));
    takes(store, candidate);
    store.cooldown([{ scope: "key:generic/b", set: { forMs: 1000 }, reason: "test", source: "operator" }]);
    expect(takes(store, candidate)).toBe(true);
    store.settle(
      [],
      candidate.needs.map(({ bucket }) => ({ bucket, used: 3 })),
    );
    expect(takes(store, candidate)).toBe(false);
  });
});
