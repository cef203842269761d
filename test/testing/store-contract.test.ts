import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/limits/memory/memory-store.ts";
import type { Candidate, Dumpable, SharedStore, Store } from "../../src/limits/store.ts";
import {
  type StoreCapabilities,
  type StoreContractOptions,
  type StoreEnvironment,
  storeContract,
  type TestRunner,
} from "../../src/testing/index.ts";
import { Leases } from "../../src/testing/leases.ts";

type Made = Store | { readonly store: Store; readonly another?: () => Store };

/** Runs the whole contract by hand; returns the names of the tests that failed, and of those that were left out. */
async function failures(makeStore: (environment: StoreEnvironment) => Made, options?: StoreContractOptions) {
  const tests: Parameters<TestRunner["it"]>[] = [];
  const runner: TestRunner = {
    describe: (_name, body) => body(),
    it: (name, body) => tests.push([name, body]),
  };
  storeContract(
    runner,
    (environment) => {
      const made = makeStore(environment);
      const under = "store" in made ? made : { store: made };
      return { ...under, advance: (ms) => environment.clock.advance(ms) };
    },
    options,
  );
  const failed: string[] = [];
  const leftOut: string[] = [];
  for (const [name, body] of tests) {
    const context = { skip: (reason: string) => leftOut.push(reason) };
    await body(context).catch(() => failed.push(name));
  }
  return { failed, leftOut, count: tests.length };
}

/** A memory store without what may be missing, and with some of its methods replaced by wrong ones. */
function broken(change: (store: MemoryStore) => Partial<Store & Dumpable>): (environment: StoreEnvironment) => Store {
  return (environment) => {
    const inner = new MemoryStore(environment);
    return { ...bare(inner), ...change(inner) };
  };
}

function bare(inner: MemoryStore): Store {
  return {
    reserve: (candidates, options) => inner.reserve(candidates, options),
    settle: (reports, atLeast) => inner.settle(reports, atLeast),
    cooldown: (changes) => inner.cooldown(changes),
    read: (scopes, buckets) => inner.read(scopes, buckets),
  };
}

/** One of two handles on a memory store, with leases of its own. */
function leased(inner: MemoryStore, all: Leases, rank: number): SharedStore {
  const leases = all.another();
  return {
    reserve: (candidates, options) => {
      leases.endDue();
      const answer = inner.reserve(candidates, options);
      if (answer.granted) leases.begin(answer, options);
      return answer;
    },
    settle: (reports, atLeast) => {
      leases.endDue();
      for (const { reservation } of reports) leases.settled(reservation);
      return inner.settle(reports, atLeast);
    },
    cooldown: (changes) => inner.cooldown(changes),
    read: (scopes, buckets) => {
      leases.endDue();
      return inner.read(scopes, buckets);
    },
    renew: () => leases.renew(),
    watch: (listener) => inner.watch(listener),
    sharing: () => ({ state: "shared", since: 0, instances: 2, rank, listening: true }),
    onSharing: () => () => {},
  };
}

/** Two handles on one memory store, the second one of which may be wrong in something. */
function pair(change: (own: MemoryStore, shared: MemoryStore) => Partial<SharedStore> = () => ({})) {
  return (environment: StoreEnvironment) => {
    const shared = new MemoryStore(environment);
    const leases = new Leases(environment.clock);
    const handle = (rank: number): SharedStore => leased(shared, leases, rank);
    return { store: handle(0), another: () => ({ ...handle(1), ...change(new MemoryStore(environment), shared) }) };
  };
}

const able = {
  synchronous: true,
  dumps: true,
  watches: true,
  pins: true,
  claims: true,
} as const satisfies StoreCapabilities;
const together = { capabilities: { shared: true, watches: true } } as const;

describe("storeContract", () => {
  it("passes a store that keeps it, with nothing but describe and it", async () => {
    const ended = await failures((environment) => new MemoryStore(environment), { capabilities: able });
    expect(ended.failed).toEqual([]);
  });

  it("says which reservation went wrong, and when", async () => {
    const said: string[] = [];
    const makeStore = broken((store) => ({
      // Everything fits again five seconds too early.
      reserve: (candidates, options) =>
        store.reserve(store.clock.monotonic() > 10_000 ? [{ ...first(candidates), needs: [] }] : candidates, options),
    }));
    const first = ([candidate]: readonly Candidate[]): Candidate => candidate as Candidate;
    const bodies: Promise<unknown>[] = [];
    const runner: TestRunner = {
      describe: (_name, body) => body(),
      it: (name, body) => {
        if (name.startsWith("frees a slot a window")) bodies.push(body().catch(({ message }) => said.push(message)));
      },
    };
    storeContract(runner, (environment) => ({
      store: makeStore(environment),
      advance: (ms) => environment.clock.advance(ms),
    }));
    await Promise.all(bodies);
    expect(said).toEqual([
      "The store breaks its contract: expected reservation 2 of this test, 10199 ms after its beginning, to be refused, got one granted",
    ]);
  });

  it("asks the least of a store that claims nothing", async () => {
    const all = await failures((environment) => new MemoryStore(environment), { capabilities: able });
    const some = await failures(broken(() => ({})));
    expect(some.failed).toEqual([]);
    expect(some.count).toBeLessThan(all.count);
  });

  it("names each part that it leaves out, with the capability that the store does not claim", async () => {
    const none = await failures(
      broken(() => ({})),
      { capabilities: { wallClock: false } },
    );
    const named = none.leftOut.map((reason) => /`(\w+)`/.exec(reason)?.[1]);
    expect(named.sort()).toEqual(
      [
        ...[
          "claims",
          "claims",
          "dumps",
          "dumps",
          "persists",
          "pins",
          "pins",
          "shared",
          "synchronous",
          "wallClock",
          "watches",
          "watches",
        ],
      ].sort(),
    );
    const shy: string[] = [];
    const runner: TestRunner = { describe: (_name, body) => body(), it: (name) => shy.push(name) };
    storeContract(runner, () => ({ store: new MemoryStore(), advance: async () => {} }));
    expect(shy.filter((name) => name.startsWith("is left out: the store"))).toHaveLength(11);
  });

  it("asks for calendar windows where the wall clock can be moved, unless it is told otherwise", async () => {
    expect((await failures(broken(() => ({})))).leftOut.join()).not.toContain("wallClock");
  });

  it.each<[claim: keyof StoreCapabilities, made: (environment: StoreEnvironment) => Made, test: string]>([
    ["dumps", broken(() => ({})), "has what it claims, and claims what it has"],
    ["watches", broken(() => ({})), "has what it claims, and claims what it has"],
    [
      "synchronous",
      broken((inner) => ({ settle: async (reports) => inner.settle(reports) })),
      "answers everything at once",
    ],
    ["shared", broken(() => ({})), "counts what one handle takes against the other's"],
    ["persists", broken(() => ({})), "has what was counted, and what cools down, again after it was closed"],
  ])("catches a store that claims %s and lacks it", async (claim, made, test) => {
    expect((await failures(made, { capabilities: { [claim]: true } })).failed).toContain(test);
  });

  it("catches a store that has what it does not claim: nobody would test it", async () => {
    const watching = broken((inner) => ({ watch: (listener) => inner.watch(listener) }));
    const dumping = broken((inner) => ({ dump: () => inner.dump(), load: (dump) => inner.load(dump) }));
    const timed = broken((inner) => ({ clock: inner.clock }));
    const renewing = broken(() => ({ renew: () => {} }) as Partial<SharedStore>);
    for (const made of [watching, dumping, timed, renewing]) {
      expect((await failures(made)).failed).toEqual(["has what it claims, and claims what it has"]);
    }
  });

  it("passes two handles on one state", async () => {
    expect((await failures(pair(), together)).failed).toEqual([]);
  });

  it.each<[what: string, change: Parameters<typeof pair>[0], test: string]>([
    [
      "counts for itself",
      (own) => ({ reserve: (candidates, options) => own.reserve(candidates, options) }),
      "grants exactly the limit to callers of both that come at once",
    ],
    [
      "reads for itself",
      (own) => ({ read: (scopes, buckets) => own.read(scopes, buckets) }),
      "counts what one handle takes against the other's",
    ],
    [
      "cools down for itself",
      (own) => ({ cooldown: (changes) => own.cooldown(changes) }),
      "puts a scope into cooldown for both, and lets both end it",
    ],
    [
      "lets probes of its own go",
      (_own, shared) => ({
        reserve: (candidates, options) =>
          shared.reserve(candidates, { ...options, dryRun: options.purpose === "probe" }),
      }),
      "lets one probe at a time past a cooldown over both",
    ],
    [
      "numbers its reservations like the first one",
      (own, shared) => ({
        reserve: (candidates, options) => {
          const answer = shared.reserve(candidates, options);
          const { id } = own.reserve([{ scopes: [], needs: [] }], options) as { id: string };
          if (answer.granted) Object.defineProperty(answer, "id", { value: id });
          return answer;
        },
      }),
      "gives no two reservations one id",
    ],
    [
      "is on a time of its own",
      (_own, shared) => ({
        read: (scopes, buckets) => ({ ...shared.read(scopes, buckets), now: shared.clock.monotonic() + 50 }),
      }),
      "is at one time, whichever handle is asked",
    ],
    [
      "knows of nobody else",
      () => ({ sharing: () => ({ state: "shared", since: 0, instances: 1, rank: 0, listening: true }) }),
      "numbers the handles that live",
    ],
  ])("catches a second handle that %s", async (_what, change, test) => {
    expect((await failures(pair(change), together)).failed).toContain(test);
  });

  it("catches a handle that hears of nothing but its own doing", async () => {
    const deaf = (environment: StoreEnvironment) => {
      const shared = new MemoryStore(environment);
      const leases = new Leases(environment.clock);
      const handle = (rank: number): Store => {
        const listeners = new Set<Parameters<NonNullable<Store["watch"]>>[0]>();
        const own = leased(shared, leases, rank);
        return {
          ...own,
          settle: (reports, atLeast) => {
            for (const listener of listeners) listener({ type: "freed", scope: null });
            return own.settle(reports, atLeast);
          },
          cooldown: (changes) => {
            const states = shared.cooldown(changes);
            for (const state of states) for (const listener of listeners) listener({ type: "cooled", state });
            return states;
          },
          watch: (listener) => {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        };
      };
      return { store: handle(0), another: () => handle(1) };
    };
    expect((await failures(deaf, together)).failed).toEqual([
      "tells of a cooldown that the other handle sets",
      "tells of a place that the other handle gives back",
    ]);
  });

  it("catches a state that does not outlive its handle", async () => {
    const fleeting = (environment: StoreEnvironment) => {
      const make = (): Store => bare(new MemoryStore(environment));
      return { store: make(), another: make };
    };
    expect((await failures(fleeting, { capabilities: { persists: true } })).failed).toEqual([
      "has what was counted, and what cools down, again after it was closed",
    ]);
  });

  it("catches a store of one process that gives away what is in flight", async () => {
    const forgetful = (environment: StoreEnvironment): Store => {
      const {
        renew: _,
        sharing: _sharing,
        onSharing: _onSharing,
        watch: _watch,
        ...store
      } = leased(new MemoryStore(environment), new Leases(environment.clock), 0);
      return store;
    };
    expect((await failures(forgetful)).failed).toEqual([
      "holds a permit for as long as its reservation is open, whatever `leaseMs` says",
      "lets no other probe go while one is open, whatever `leaseMs` says",
    ]);
  });

  it("catches a store of several processes in which nobody's death is noticed", async () => {
    const immortal = (environment: StoreEnvironment) => {
      const shared = new MemoryStore(environment);
      const handle = (rank: number): Store => ({
        ...leased(shared, new Leases(environment.clock), rank),
        ...bare(shared),
      });
      return { store: handle(0), another: () => handle(1) };
    };
    const { failed } = await failures(immortal, together);
    expect(failed).toContain("tells of no permit whose lease has ended");
    expect(failed).toContain("gives the place of a handle that never answers to the other when the lease expires");
  });

  it("catches a store that renews nothing", async () => {
    const { failed } = await failures((environment) => {
      const made = pair()(environment);
      return { store: { ...made.store, renew: () => {} } as Store, another: made.another };
    }, together);
    expect(failed).toContain("holds a permit for another lease from when it is renewed");
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
      "ends a cooldown whose source is authoritative early only on an operator's word",
    );
  });

  it("catches a store that lets several probes go", async () => {
    const store = broken((inner) => ({
      reserve: (candidates, options) => inner.reserve(candidates, { ...options, dryRun: options.purpose === "probe" }),
    }));
    expect((await failures(store)).failed).toContain(
      "lets one probe at a time past a cooldown, and no request meanwhile",
    );
  });
});
