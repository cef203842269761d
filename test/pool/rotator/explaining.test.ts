import { describe, expect, it } from "vitest";
import { invalidKey, judged, named, RotatorWorld, rateLimit, storeKinds } from "./fixture.ts";

describe.each(storeKinds)("KeyRotator explaining itself over $name", ({ makeStore }) => {
  it("says which key a request would get, and what stands against each other", async () => {
    const [a, b, c, d, e] = named("a", "b", "c", "d", "e");
    const keys = [a, b, { ...c, limits: [{ requests: 1 }] }, { ...d, models: "other" }, e] as never;
    const world = new RotatorWorld(makeStore, keys);
    await world.failKey("a", rateLimit(5000));
    world.rotator.disable("b");
    await world.ids(1, { prefer: "c" });
    const { chosen, keys: told } = await world.rotator.explain({ model: "mine" });
    expect(chosen).toBe("e");
    expect(told.map(({ id, reason }) => [id, reason])).toEqual([
      ["a", "rate_limit"],
      ["b", "disabled"],
      ["c", "limit reached"],
      ["d", "not for this model"],
      ["e", null],
    ]);
    expect(told[0]).toMatchObject({ by: "account:a", account: "a" });
    expect(told[0]?.endsInMs).toBeGreaterThan(4900);
    expect(told[2]).toMatchObject({ by: "account:c#requests-minute-rolling" });
    expect(told[4]).toEqual({ id: "e", account: "e", reason: null, by: null, endsInMs: null, learnt: [] });
  });

  it("takes nothing and changes nothing", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"), { limits: [{ requests: 1 }] });
    for (let count = 0; count < 5; count++) expect((await world.rotator.explain()).chosen).toBe("a");
    expect(await world.ids(2)).toEqual(["a", "b"]);
    expect((await world.rotator.explain()).chosen).toBeNull();
  });

  it("names the key that is then given", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    for (let count = 0; count < 6; count++) {
      const { chosen } = await world.rotator.explain();
      expect(await world.ids(1)).toEqual([chosen]);
    }
  });

  it("shows every key as it stands", async () => {
    const [a, b, c, d, e] = named("a", "b", "c", "d", "e");
    const keys = [
      a,
      b,
      c,
      { ...d, limits: [{ requests: 1 }], note: "spare", batch: "march" },
      { ...e, weight: 2, priority: 1 },
    ];
    const world = new RotatorWorld(makeStore, keys as never);
    await world.failKey("a", rateLimit(5000));
    await world.failKey("b", invalidKey);
    world.rotator.disable("c");
    await world.ids(1, { prefer: "d" });
    await world.exhausted({ exclude: new Set(["e"]), maxWaitMs: 0 });
    const snapshot = await world.rotator.snapshot();
    expect(snapshot.keys.map(({ id, state }) => [id, state])).toEqual([
      ["a", "cooling"],
      ["b", "refused"],
      ["c", "disabled"],
      ["d", "limited"],
      ["e", "ready"],
    ]);
    expect(snapshot).toMatchObject({ accounts: 5, ready: 1, disabled: 1 });
    expect(snapshot.limited + snapshot.refused).toBe(3);
    expect(snapshot.nextReadyInMs).toBeGreaterThan(0);
    const [first, , , fourth, fifth] = snapshot.keys;
    expect(first).toMatchObject({ enabled: true, used: 1, failures: 1 });
    expect(first?.cooldowns).toMatchObject([{ scope: "account:a", reason: "rate_limit", source: "authoritative" }]);
    expect(first?.lastFailureAt).toBeLessThanOrEqual(world.clock.wall());
    expect(first?.lastFailureAt).toBeGreaterThan(world.clock.wall() - 100);
    expect(fourth).toMatchObject({ note: "spare", batch: "march", limits: [{ limit: 1, used: 1, left: 0 }] });
    expect(fifth).toMatchObject({ weight: 2, priority: 1, used: 0, lastUsedAt: null, note: null });
  });

  it("masks what it shows of a key", async () => {
    const secrets = named("a");
    const world = new RotatorWorld(makeStore, [...secrets, { id: "later", secret: () => "unknown" }]);
    const { keys } = await world.rotator.snapshot();
    const secret = secrets[0]?.secret as string;
    expect(keys[0]?.masked).toBe(`${secret.slice(0, 7)}...${secret.slice(-4)}`);
    expect(keys[1]?.masked).toBeNull();
  });

  it("counts the consecutive failures of a key that is refused again and again", async () => {
    const world = new RotatorWorld(makeStore, named("a"), { cooldownMs: 100 });
    for (let round = 0; round < 3; round++) {
      await world.failKey("a", judged({}));
      await world.advance(1000);
    }
    await world.failKey("a", judged({}));
    expect((await world.rotator.snapshot()).keys[0]?.cooldowns[0]?.strikes).toBe(4);
  });

  it("says why: the strategy's turn, the conversation's account, or the account a request is about", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"), { strategy: "fill_first" });
    const { rotator } = world;
    expect(await rotator.explain()).toMatchObject({ chosen: "a", why: "strategy", strategy: "fill_first" });
    const affinity = "chat";
    const home = (await world.take({ affinity })).keyId;
    expect(await rotator.explain({ affinity })).toMatchObject({ chosen: home, why: "affinity" });
    expect(await rotator.explain({ account: "c" })).toMatchObject({ chosen: "c", why: "account" });
    expect((await rotator.explain({ account: "c" })).keys[0]).toMatchObject({ reason: "not the account it is about" });
    expect(await rotator.explain({ prefer: "b" })).toMatchObject({ chosen: "b", why: "preferred" });
  });

  it("reckons with the tokens a request wants, and takes none", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"), { limits: [{ tokens: 1000 }] });
    const lease = await world.take({ prefer: "a", tokens: { input: 600, output: 0 } });
    const large = { tokens: { input: 500, output: 0 } };
    expect(await world.rotator.explain(large)).toMatchObject({ chosen: "b" });
    expect((await world.rotator.explain(large)).keys[0]).toMatchObject({ by: "account:a#tokens-minute-rolling" });
    expect(lease.keyId).toBe("a");
  });

  it("refuses a field that no request has", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await expect(world.rotator.explain({ modle: "x" } as never)).rejects.toThrow(/got `modle`.*did you mean `model`/);
  });

  it("counts the pool by what the store says, also where each model has a ready set of its own", async () => {
    const limits = [
      { requests: 1, per: 3000 },
      { tokens: 50_000, perModel: true },
    ] as const;
    const world = new RotatorWorld(makeStore, named("a"), { limits });
    await world.succeed(await world.take({ model: "m" }));
    const { keys, ready, limited, nextReadyInMs } = await world.rotator.snapshot();
    expect([keys[0]?.state, ready, limited]).toEqual(["limited", 0, 1]);
    expect(nextReadyInMs).toBeGreaterThan(2900);
  });
});
