import { describe, expect, it, vi } from "vitest";
import { tally } from "../strategies/fixture.ts";
import { judged, named, RotatorWorld, rateLimit, storeKinds } from "./fixture.ts";

describe.each(storeKinds)("KeyRotator choosing keys over $name", ({ makeStore }) => {
  it("takes one after the other by default", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    expect(await world.ids(7)).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
  });

  it("spreads requests that come at once", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    const leases = await Promise.all(Array.from({ length: 9 }, () => world.take()));
    expect(
      tally(
        leases.map(({ keyId }) => "abc".indexOf(keyId)),
        3,
      ),
    ).toEqual([3, 3, 3]);
    expect(world.rotator.inFlight).toBe(9);
  });

  it("gives shares by weight", async () => {
    const [a, b, c] = named("a", "b", "c");
    const keys = [
      { ...a, weight: 5 },
      { ...b, weight: 3 },
      { ...c, weight: 2 },
    ] as never;
    const world = new RotatorWorld(makeStore, keys, { strategy: "weighted" });
    const counts = tally(
      (await world.ids(100)).map((id) => "abc".indexOf(id)),
      3,
    );
    for (const [slot, share] of [50, 30, 20].entries()) {
      expect(Math.abs((counts[slot] as number) - share)).toBeLessThanOrEqual(2);
    }
  });

  it.each([
    ["fill_first", ["a", "a", "a"]],
    ["least_used", ["a", "b", "c"]],
    ["least_busy", ["a", "b", "c"]],
  ] as const)("follows the strategy %s", async (strategy, expected) => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"), { strategy });
    expect(await world.ids(3)).toEqual(expected);
  });

  it("sends requests that do not end to the least busy", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"), { strategy: "least_busy" });
    const long = await world.take();
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    await world.succeed(long);
    expect(new Set(await world.ids(4))).toEqual(new Set(["a", "b"]));
  });

  it("prefers the quickest once all are known", async () => {
    const world = new RotatorWorld(makeStore, named("slow", "quick"), { strategy: "lowest_latency" });
    for (let round = 0; round < 4; round++) {
      const lease = await world.take();
      world.clock.advanceSync(lease.keyId === "slow" ? 900 : 10);
      lease.answered();
      await world.succeed(lease);
    }
    expect(await world.ids(3)).toEqual(["quick", "quick", "quick"]);
  });

  it("uses a tier only while the one before has nobody, and comes back to it", async () => {
    const [a, b, c] = named("a", "b", "c");
    const keys = [{ ...c, priority: 1 }, { ...a }, { ...b }] as never;
    const world = new RotatorWorld(makeStore, keys);
    expect(await world.ids(4)).toEqual(["a", "b", "a", "b"]);
    await world.failKey("a", rateLimit(5000));
    await world.failKey("b", rateLimit(7000));
    expect(await world.ids(2)).toEqual(["c", "c"]);
    await world.advance(5100);
    expect(await world.ids(2)).toEqual(["a", "a"]);
  });

  it("gives the wanted key while it is ready, and another when it is not", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    expect(await world.ids(3, { prefer: "b" })).toEqual(["b", "b", "b"]);
    await world.failKey("b", rateLimit(5000));
    expect((await world.take({ prefer: "b" })).keyId).not.toBe("b");
  });

  it("does not give an excluded account, and says so when no other is left", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    expect(await world.ids(3, { exclude: new Set(["a"]) })).toEqual(["b", "b", "b"]);
    const exclude = new Set(["a", "b"]);
    await world.exhausted({ exclude, maxWaitMs: 0 });
  });

  it("asks a strategy of the user's own, and goes on in turn when that throws", async () => {
    let isBroken = false;
    const strategy = {
      name: "mine",
      choose: (ready: readonly { id: string }[]) => {
        if (isBroken) throw new Error("my own mistake");
        return ready.find(({ id }) => id === "c") as never;
      },
    };
    const world = new RotatorWorld(makeStore, named("a", "b", "c"), { strategy });
    const failures: unknown[] = [];
    world.rotator.on("internal-error", ({ part, error }) => failures.push([part, String(error)]));
    expect(await world.ids(2)).toEqual(["c", "c"]);
    isBroken = true;
    expect(await world.ids(3)).toHaveLength(3);
    expect(failures[0]).toEqual(["strategy", "Error: my own mistake"]);
  });

  it("gives a model only keys meant for it", async () => {
    const [a, b, c] = named("a", "b", "c");
    const keys = [{ ...a, models: "gpt-*" }, { ...b, models: ["*:free", "o3"] }, { ...c }] as never;
    const world = new RotatorWorld(makeStore, keys);
    expect(new Set(await world.ids(4, { model: "gpt-4o" }))).toEqual(new Set(["a", "c"]));
    expect(new Set(await world.ids(4, { model: "llama:free" }))).toEqual(new Set(["b", "c"]));
    expect(await world.ids(2, { model: "unheard-of" })).toEqual(["c", "c"]);
    world.rotator.remove("c");
    expect(await world.exhausted({ model: "unheard-of" })).toMatchObject({ status: 404, reasons: { unsuitable: 2 } });
  });

  it("asks the keys of one account in turn", async () => {
    const [a, b, c] = named("a", "b", "c");
    const keys = [{ ...a, account: "shared" }, { ...b, account: "shared" }, { ...c }] as never;
    const world = new RotatorWorld(makeStore, keys);
    expect(await world.ids(4)).toEqual(["a", "c", "b", "c"]);
  });

  it("lets a key that comes back start slowly while others are ready", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    await world.failKey("a", rateLimit(1000));
    await world.advance(1200);
    const leases = [];
    for (let count = 0; count < 6; count++) leases.push(await world.take());
    expect(leases.filter(({ keyId }) => keyId === "a")).toHaveLength(1);
    for (const lease of leases) await world.succeed(lease);
    const more = [];
    for (let count = 0; count < 8; count++) more.push(await world.take());
    expect(more.filter(({ keyId }) => keyId === "a")).toHaveLength(2);
  });

  it("lets slow start refuse nobody when no other is ready", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", rateLimit(1000));
    await world.advance(1200);
    const leases = await Promise.all(Array.from({ length: 10 }, () => world.take({ maxWaitMs: 0 })));
    expect(leases).toHaveLength(10);
  });

  it("counts a lease that is settled twice once", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const lease = await world.take();
    await world.succeed(lease);
    await world.fail(lease, judged({ retryAfterMs: 60_000 }));
    expect(world.rotator.inFlight).toBe(0);
    expect(await world.ids(1)).toEqual(["a"]);
  });

  it("finds the one ready key behind many that cool down without this process knowing", async () => {
    const ids = Array.from({ length: 120 }, (_, place) => `k${place}`);
    const world = new RotatorWorld(makeStore, named(...ids));
    const changes = ids.slice(0, 119).map((id) => ({
      scope: `account:generic/${id}`,
      set: { forMs: 3_600_000 },
      reason: "rate_limit",
      source: "authoritative" as const,
    }));
    await world.store.cooldown(changes);
    const lease = await world.take();
    expect(lease.keyId).toBe("k119");
    await world.succeed(lease);
    expect([world.rotator.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe("a strategy of one's own", () => {
  it("is told what the request is about, and whose each key is", async () => {
    const seen: unknown[] = [];
    const asks = vi.fn(() => ({ input: 7, output: 3 }));
    const world = new RotatorWorld(storeKinds[0]?.makeStore as never, named("a", "b"), {
      strategy: {
        name: "by-model",
        choose: (ready, request) => {
          const { model, affinity, priority, tags } = request;
          seen.push({ model, affinity, priority, tags, providers: ready.map(({ provider }) => provider) });
          if (model === "small") return ready[0];
          return (request.tokens.input ?? 0) > 5 ? ready[1] : ready[0];
        },
      },
    });
    expect(world.rotator.needsModel).toBe(true);
    expect((await world.take({ model: "large", tokens: asks, priority: -1, tags: { team: "x" } })).keyId).toBe("b");
    expect(seen).toEqual([
      {
        model: "large",
        affinity: undefined,
        priority: -1,
        tags: { team: "x" },
        providers: ["generic", "generic"],
      },
    ]);
    expect(asks).toHaveBeenCalledTimes(1);
    expect((await world.take({ model: "small", tokens: asks })).keyId).toBe("a");
    expect(asks, "it did not look").toHaveBeenCalledTimes(1);
  });
});
