import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { CooldownChange, LeaseFacts, LeaseResult, PoolChanges, PoolObserver } from "../../../src/index.ts";
import { KeyRotator } from "../../../src/index.ts";
import { invalidKey, judged, named, RotatorWorld, rateLimit, settled, storeKinds } from "../rotator/fixture.ts";

const downMs = 30_000;

/** Three answers in a row that fail at an origin, with whatever key, and its keys come last for half a minute. */
class OriginBreaker implements PoolObserver {
  readonly #failures = new Map<string, number>();

  ended(lease: LeaseFacts, { outcome }: LeaseResult): PoolChanges {
    const { origin } = lease;
    const failures = outcome === "failure" ? (this.#failures.get(origin) ?? 0) + 1 : 0;
    this.#failures.set(origin, failures);
    const scope = lease.scopeOf("provider");
    if (failures < 3 || scope === undefined) return [];
    return [{ scope, set: { forMs: downMs }, reason: "origin_down", source: "heuristic" }];
  }
}

const transient = judged({ kind: "server_error", scope: "request", sharedBy: "request", failover: false });

describe.each(storeKinds)("An observer of a pool over $name", ({ makeStore }) => {
  it("takes the keys of an origin out of the way that fails whatever its key", async () => {
    const at = (origin: string, ...ids: string[]) => named(...ids).map((key) => ({ ...key, baseURL: origin }));
    const keys = [...at("https://eu.example.com/v1", "a", "b"), ...at("https://us.example.com/v1", "c", "d")];
    const world = new RotatorWorld(makeStore, keys, { observers: [new OriginBreaker()] });
    for (const id of ["a", "b", "a"]) await world.failKey(id, transient);
    expect(new Set(await world.ids(6))).toEqual(new Set(["c", "d"]));
    await world.advance(downMs + 1000);
    expect(new Set(await world.ids(6))).toEqual(new Set(["a", "b", "c", "d"]));
  });

  it("has an account come last for a time", async () => {
    const slow: PoolObserver = {
      ended: ({ account }) => (account === "a" ? [{ deprioritize: "a", forMs: 5000 }] : undefined),
    };
    const world = new RotatorWorld(makeStore, named("a", "b"), { observers: [slow] });
    const lease = await world.take({ prefer: "a" });
    await world.succeed(lease);
    expect(await world.ids(4)).toEqual(["b", "b", "b", "b"]);
    await world.failKey("b", rateLimit(2000));
    expect(await world.ids(2)).toEqual(["a", "a"]);
    await world.advance(6000);
    expect(new Set(await world.ids(4))).toEqual(new Set(["a", "b"]));
  });

  it("takes back what an earlier attempt put into cooldown", async () => {
    let refused: LeaseFacts | undefined;
    const doubter: PoolObserver = {
      refused: (lease) => {
        const undo = refused;
        refused = lease;
        return undo === undefined ? [] : [{ undo }];
      },
    };
    const world = new RotatorWorld(makeStore, named("a", "b", "c"), { observers: [doubter] });
    await world.failKey("a");
    await world.failKey("b");
    expect(new Set(await world.ids(4))).toEqual(new Set(["a", "c"]));
  });
});

describe("Observers", () => {
  const [{ makeStore }] = storeKinds as [(typeof storeKinds)[0]];

  it("are told of an attempt from its key to its end, by one object without a secret", async () => {
    const seen: [string, LeaseFacts][] = [];
    const observer: PoolObserver = {
      granted: (lease) => void seen.push(["granted", lease]),
      refused: (lease, { classification, cooldowns }) => {
        seen.push([`refused ${classification.kind} ${cooldowns.map(({ scope }) => scope)}`, lease]);
      },
      ended: (lease, { outcome }) => void seen.push([`ended ${outcome}`, lease]),
    };
    const [key] = named("a") as [{ id: string; secret: string }];
    const world = new RotatorWorld(makeStore, [key], { observers: [observer], provider: "groq" });
    await world.fail(await world.take({ model: "m", tags: { team: "x" } }));
    expect(seen.map(([what]) => what)).toEqual(["granted", "refused rate_limit account:groq/a", "ended failure"]);
    const [, lease] = seen[0] as [string, LeaseFacts];
    expect(seen.every(([, facts]) => facts === lease)).toBe(true);
    const { keyId, account, provider, model, tags } = lease;
    expect({ keyId, account, provider, model, tags }).toEqual({
      keyId: "a",
      account: "a",
      provider: "groq",
      model: "m",
      tags: { team: "x" },
    });
    expect(JSON.stringify(lease) + inspect(lease, { showHidden: true, depth: 9 })).not.toContain(key.secret);
  });

  it("hear of the keys there are, and of those that come and go", () => {
    const told: string[] = [];
    const observer: PoolObserver = {
      keyAdded: ({ id, account }) => void told.push(`+${id} of ${account}`),
      keyRemoved: ({ id }) => void told.push(`-${id}`),
    };
    const world = new RotatorWorld(makeStore, named("a"), { observers: [observer] });
    world.rotator.add({ ...named("b")[0], secret: "sk-another-one-0002", account: "acme" });
    world.rotator.remove("a");
    expect(told).toEqual(["+a of a", "+b of acme", "-a"]);
  });

  it("add what they know of an account to the snapshot of its keys", async () => {
    const counts = new Map<string, number>();
    const counter: PoolObserver = {
      granted: ({ account }) => void counts.set(account, (counts.get(account) ?? 0) + 1),
      describe: ({ account }) => ({ granted: counts.get(account) ?? 0 }),
    };
    const world = new RotatorWorld(makeStore, named("a", "b"), { observers: [counter] });
    await world.ids(3);
    const { keys } = await world.rotator.snapshot();
    expect(keys.map(({ observed }) => observed)).toEqual([{ granted: 2 }, { granted: 1 }]);
    const plain = new RotatorWorld(makeStore, named("a"));
    expect((await plain.rotator.snapshot()).keys[0]?.observed).toBeUndefined();
  });

  const failing: readonly (readonly [string, PoolObserver])[] = [
    ["throws", { ended: () => raise() }],
    ["rejects", { ended: async () => raise() } as never],
    ["returns what is no change", { ended: () => [{ scope: "key:a", set: { forMs: "long" } }] } as never],
    ["returns what is no list", { ended: () => 7 } as never],
    ["undoes what is no attempt", { ended: () => [{ undo: "a" }] } as never],
  ];
  it.each(failing)("that %s is told of, and harms no attempt and no other observer", async (_, observer) => {
    const told: unknown[] = [];
    let calm = 0;
    const others: PoolObserver = { ended: () => void calm++ };
    const world = new RotatorWorld(makeStore, named("a"), { observers: [observer, others] });
    world.rotator.on("internal-error", ({ part, error }) => told.push([part, error instanceof Error]));
    expect(await world.ids(2)).toEqual(["a", "a"]);
    await settled();
    expect(calm).toBe(2);
    expect(told).toContainEqual(["observer", true]);
    expect(world.rotator.inFlight).toBe(0);
  });

  it("may put a key into cooldown before it is refused", async () => {
    const careful: PoolObserver = {
      granted: (lease): readonly CooldownChange[] => {
        const scope = lease.scopeOf("key") as string;
        return [{ scope, set: { forMs: 1000 }, reason: "paced", source: "heuristic" }];
      },
    };
    const world = new RotatorWorld(makeStore, named("a", "b"), { observers: [careful] });
    const leases = [await world.take(), await world.take()];
    expect(new Set(leases.map(({ keyId }) => keyId))).toEqual(new Set(["a", "b"]));
    expect((await world.exhausted()).retryAfterMs).toBeGreaterThan(0);
  });

  it("cost nothing while nobody looks", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const good = await world.take();
    await world.succeed(good);
    expect(good.facts).toBeUndefined();
    // A refused credential is remembered, and good answers are looked at until it works again.
    await world.failKey("a", invalidKey);
    const other = await world.take();
    await world.succeed(other);
    expect(other.facts).toBeDefined();
    await world.rotator.cooldown("a", "end");
    await world.succeed(await world.take({ prefer: "a" }));
    const after = await world.take();
    await world.succeed(after);
    expect(after.facts).toBeUndefined();
    await world.failKey("b", rateLimit());
  });

  const wrong: readonly (readonly [unknown, string, string])[] = [
    [{ ended: () => [] }, "observers", "a list of observers"],
    [[undefined], "observers[0]", "at least one of the methods"],
    [[{ onEnded: () => [] }], "observers[0]", "at least one of the methods granted, headers, refused, ended"],
    [[{ ended: "later" }], "observers[0]", "an object with the method ended"],
    [[{ ended: () => {}, needs: ["bodies"] }], "observers[0].needs", '"usage"'],
  ];
  it.each(wrong)("are refused where they cannot work: %o", (observers, field, expected) => {
    const make = () => new KeyRotator({ keys: "sk-one-0001", observers: observers as readonly PoolObserver[] });
    expect(make).toThrow(expect.objectContaining({ code: "ERR_INVALID_OPTIONS", field }));
    expect(make).toThrow(expected);
  });
});

function raise(): never {
  throw new Error("an observer's own mistake");
}
