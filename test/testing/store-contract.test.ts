import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { Store } from "../../src/stores/store.ts";
import { type StoreContractOptions, type StoreEnvironment, storeContract } from "../../src/testing/index.ts";

/** Runs the whole contract by hand; returns the names of the tests that failed. */
async function failures(makeStore: (environment: StoreEnvironment) => Store, options?: StoreContractOptions) {
  const tests: (readonly [name: string, body: () => Promise<void>])[] = [];
  const runner = {
    describe: (_name: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => tests.push([name, body]),
  };
  storeContract(
    runner,
    (environment) => ({ store: makeStore(environment), advance: (ms) => environment.clock.advance(ms) }),
    options,
  );
  const failed: string[] = [];
  for (const [name, body] of tests) await body().catch(() => failed.push(name));
  return { failed, count: tests.length };
}

/** A memory store with some of its methods replaced by wrong ones. */
function broken(change: (store: MemoryStore) => Partial<Store>): (environment: StoreEnvironment) => Store {
  return (environment) => {
    const inner = new MemoryStore(environment);
    const store: Store = {
      reserve: (candidates, options) => inner.reserve(candidates, options),
      settle: (reports) => inner.settle(reports),
      cooldown: (changes) => inner.cooldown(changes),
      read: (scopes, buckets) => inner.read(scopes, buckets),
      renew: () => inner.renew(),
    };
    return { ...store, ...change(inner) };
  };
}

describe("storeContract", () => {
  it("passes a store that keeps it, with nothing but describe and it", async () => {
    expect((await failures((environment) => new MemoryStore(environment))).failed).toEqual([]);
  });

  it("leaves calendar windows out for a store whose wall clock cannot be set", async () => {
    const all = await failures((environment) => new MemoryStore(environment));
    const some = await failures((environment) => new MemoryStore(environment), { wallClock: false });
    expect(some.count).toBeLessThan(all.count);
  });

  it("catches a store that takes on a dry run", async () => {
    const store = broken((inner) => ({
      reserve: (candidates, options) => inner.reserve(candidates, { ...options, dryRun: false }),
    }));
    expect((await failures(store)).failed).toContain("takes nothing on a dry run, and decides as it would");
  });

  it("catches a store that frees a slot early", async () => {
    const store = broken((inner) => ({
      reserve: (candidates, options) =>
        inner.reserve(
          candidates.map((candidate) => ({
            ...candidate,
            needs: candidate.needs.map((need) => ({ ...need, bucket: { ...need.bucket, guardMs: 0 } })),
          })),
          options,
        ),
    }));
    expect((await failures(store)).failed).toContain(
      "frees a slot a window and a guard after it was reserved, not before",
    );
  });

  it("catches a store that lets everybody end a cooldown", async () => {
    const store = broken((inner) => ({
      cooldown: (changes) => inner.cooldown(changes.map((change) => ({ ...change, source: "heuristic" }))),
    }));
    expect((await failures(store)).failed).toContain(
      "ends a rest whose source is authoritative early only on an operator's word",
    );
  });

  it("catches a store that lets several probes go", async () => {
    const store = broken((inner) => ({
      reserve: (candidates, options) => inner.reserve(candidates, { ...options, dryRun: options.purpose === "probe" }),
    }));
    expect((await failures(store)).failed).toContain("lets one probe at a time past a rest, and no request meanwhile");
  });
});
