import { describe, expect, it } from "vitest";
import type { KeyConfig, KeyList } from "../../../src/pool/keys/key-config.ts";
import { expectNoSecrets } from "../../../src/testing/expect-no-secrets.ts";
import { newSecret } from "../../support/test-keys.ts";
import { invalidKey, judged, named, RotatorWorld, rateLimit, settled, storeKinds } from "./fixture.ts";

type Named = KeyConfig & { secret: string };

describe.each(storeKinds)("KeyRotator changing a key's settings over $name", ({ makeStore }) => {
  it("uses a key by its new tier at once, and tells what changed", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const told: unknown[] = [];
    world.rotator.on("key-updated", (event) => told.push(event));
    expect(world.rotator.update("a", { priority: 5, note: "spare", weight: 1 })).toBe(true);
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    expect(world.rotator.update("a", { priority: 5 })).toBe(true);
    expect(told).toEqual([{ keyId: "a", changed: ["priority", "note"] }]);
    expect(world.rotator.update("nobody", { priority: 5 })).toBe(false);
  });

  it("serves the models a key is given, and all again without", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    world.rotator.update("a", { models: "small-*" });
    expect(await world.ids(2, { model: "large" })).toEqual(["b", "b"]);
    expect(new Set(await world.ids(4, { model: "small-1" }))).toEqual(new Set(["a", "b"]));
    world.rotator.update("a", { models: null });
    expect(new Set(await world.ids(4, { model: "large" }))).toEqual(new Set(["a", "b"]));
  });

  it("gives traffic by a new weight", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"), { strategy: "weighted" });
    world.rotator.update("a", { weight: 9 });
    const ids = await world.ids(50);
    expect(ids.filter((id) => id === "a").length).toBeGreaterThan(35);
  });

  it("counts a key with the account it was moved to, and keeps what is known of it", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"), { limits: [{ requests: 2 }] });
    await world.ids(2);
    const held = await world.take({ prefer: "a" });
    world.rotator.update("a", { account: "team" });
    world.rotator.update("b", { account: "team" });
    await world.succeed(held);
    const { keys, accounts } = await world.rotator.snapshot();
    expect([accounts, keys.map(({ id, account, ordinal, used }) => [id, account, ordinal, used])]).toEqual([
      1,
      [
        ["a", "team", 1, 2],
        ["b", "team", 2, 1],
      ],
    ]);
    expect(await world.ids(2)).toHaveLength(2);
    expect((await world.exhausted()).status).toBe(429);
    expect(world.rotator.inFlight).toBe(0);
    world.rotator.update("a", { account: null });
    expect((await world.rotator.snapshot()).accounts).toBe(2);
  });

  it("keeps a moved key off, or given up, as it was", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    world.rotator.disable("a", "too expensive");
    world.rotator.update("a", { account: "team" });
    expect(await world.ids(2)).toEqual(["b", "b"]);
    expect((await world.rotator.snapshot()).keys[0]).toMatchObject({ enabled: false, disabledReason: "too expensive" });
  });

  it("switches a key with `enabled`", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const told: string[] = [];
    for (const name of ["key-enabled", "key-disabled", "key-updated"] as const)
      world.rotator.on(name, () => told.push(name));
    world.rotator.update("a", { enabled: false });
    expect(await world.ids(2)).toEqual(["b", "b"]);
    world.rotator.update("a", { enabled: true });
    await settled();
    expect(await world.ids(2)).toContain("a");
    expect(told).toEqual(["key-disabled", "key-enabled"]);
  });

  it.each<[string, object]>([
    ["weight", { weight: 0 }],
    ["weight", { note: "x", weight: Number.POSITIVE_INFINITY }],
    ["priority", { priority: "1" }],
    ["account", { account: "" }],
    ["note", { note: 5 }],
    ["models", { models: [] }],
    ["models[1]", { models: ["a", ""] }],
    ["enabled", { enabled: "yes" }],
    ["secret", { secret: newSecret() }],
    ["wieght", { wieght: 2 }],
  ])("refuses an impossible %s, and changes nothing", async (field, change) => {
    const world = new RotatorWorld(makeStore, named("a"));
    let error: unknown;
    try {
      world.rotator.update("a", change);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: "InvalidOptionsError", field });
    expect((await world.rotator.snapshot()).keys[0]).toMatchObject({ weight: 1, note: null, account: "a" });
  });

  it("keeps operators' changes when the source is read again, whatever it says, and lets keys leave that it drops", async () => {
    const [a, b, c] = named("a", "b", "c") as [Named, Named, Named];
    let list = [a, b, c] as KeyList;
    const world = new RotatorWorld(makeStore, () => list);
    await world.ids(1);
    world.rotator.update("a", { weight: 3, note: null, account: "mine" });
    world.rotator.disable("b", "too expensive");
    world.rotator.remove("c");
    list = [{ ...a, weight: 7, note: "source", priority: 2, account: "theirs" }, { ...b, enabled: true }, c] as never;
    await world.rotator.reload();
    const { keys } = await world.rotator.snapshot();
    expect(keys).toMatchObject([
      { id: "a", weight: 3, note: null, priority: 2, account: "mine" },
      { id: "b", enabled: false, disabledReason: "too expensive" },
    ]);
    list = [b] as never;
    await world.rotator.reload();
    expect((await world.rotator.snapshot()).keys.map(({ id }) => id)).toEqual(["b"]);
  });

  it("takes over what the source switches as long as no operator did", async () => {
    const [a, b] = named("a", "b") as [Named, Named];
    let list = [a, { ...b, enabled: false }] as KeyList;
    const world = new RotatorWorld(makeStore, () => list);
    expect(await world.ids(2)).toEqual(["a", "a"]);
    list = [{ ...a, enabled: false }, b] as never;
    await world.rotator.reload();
    expect(await world.ids(2)).toEqual(["b", "b"]);
  });

  it("keeps a replaced secret when the source still lists the old one, and takes over a third", async () => {
    const [a] = named("a") as [{ id: string; secret: string }];
    let secret = a.secret;
    const world = new RotatorWorld(makeStore, () => [{ id: "a", secret }]);
    await world.ids(1);
    const fresh = newSecret();
    world.rotator.replace("a", fresh);
    await world.rotator.reload();
    expect((await world.take()).secret === fresh).toBe(true);
    secret = newSecret();
    await world.rotator.reload();
    expect((await world.take()).secret === secret).toBe(true);
  });

  it("knows a key again whose new secret the source lists by now", async () => {
    const first = newSecret();
    let list = [first];
    const world = new RotatorWorld(makeStore, () => list);
    const [id] = await world.ids(1);
    const fresh = newSecret();
    world.rotator.replace(id as string, fresh);
    list = [fresh];
    await world.rotator.reload();
    expect(await world.ids(2)).toEqual([id, id]);
    expect((await world.rotator.snapshot()).keys).toHaveLength(1);
  });

  it("asks about a key's cooldown by its new secret also where models are told apart", async () => {
    const [a] = named("a") as [{ id: string; secret: string }];
    const world = new RotatorWorld(makeStore, [{ ...a, models: ["m"] }]);
    await world.failKey("a", invalidKey, { model: "m" });
    expect((await world.exhausted({ model: "m", maxWaitMs: 0 })).status).toBe(401);
    world.rotator.replace("a", newSecret());
    expect((await world.take({ model: "m", maxWaitMs: 0 })).keyId).toBe("a");
  });
});

describe.each(storeKinds)("KeyRotator replacing a secret in use over $name", ({ makeStore }) => {
  const dead = judged({ ...invalidKey, disableKey: true });

  it("does not count a late refusal of the old secret against the new one", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const late = await world.take();
    await world.advance(10);
    world.rotator.replace("a", newSecret());
    await world.fail(late, dead);
    const restsMs = [40_000, 150_000];
    for (const restMs of restsMs) {
      await world.failKey("a", dead, { maxWaitMs: 0 });
      await world.advance(restMs);
    }
    expect((await world.rotator.snapshot()).keys[0]?.enabled).toBe(true);
    await world.failKey("a", dead, { maxWaitMs: 0 });
    expect((await world.rotator.snapshot()).keys[0]?.disabledReason).toBe("credential refused");
  });

  it("sends what is under way with the secret it was given", async () => {
    const [a] = named("a") as [Named];
    const world = new RotatorWorld(makeStore, [a]);
    const lease = await world.take();
    world.rotator.replace("a", newSecret());
    expect([lease.secret === a.secret, lease.bearer === `Bearer ${a.secret}`]).toEqual([true, true]);
  });
});

describe.each(storeKinds)("KeyRotator replacing a secret with overlap over $name", ({ makeStore }) => {
  const hour = 3_600_000;

  async function replaced(overlapMs = hour) {
    const [a] = named("a") as [{ id: string; secret: string }];
    const world = new RotatorWorld(makeStore, [a]);
    await world.ids(1);
    const fresh = newSecret();
    const told: unknown[] = [];
    world.rotator.on("key-reverted", (event) => told.push(event));
    expect(world.rotator.replace("a", fresh, { overlapMs })).toBe(true);
    const uses = async (): Promise<"old" | "new"> => {
      const lease = await world.take({ maxWaitMs: 0 });
      const used = lease.secret === fresh ? "new" : "old";
      lease.settle({ outcome: "aborted", sent: "no" });
      await settled();
      return used;
    };
    return { world, told, uses, secrets: [a.secret, fresh] };
  }

  it("goes back to the old secret when the provider refuses the new one, and tells", async () => {
    const { world, told, uses, secrets } = await replaced();
    expect(await uses()).toBe("new");
    await world.failKey("a", invalidKey);
    expect(await uses()).toBe("old");
    expect(told).toEqual([{ keyId: "a" }]);
    expectNoSecrets(told, secrets);
  });

  it("blames the secret a request was sent with, however many were under way", async () => {
    const { world, uses } = await replaced();
    const leases = [await world.take(), await world.take(), await world.take()];
    for (const lease of leases) await world.fail(lease, invalidKey);
    expect(await uses()).toBe("old");
    expect((await world.rotator.snapshot()).keys[0]?.enabled).toBe(true);
  });

  it("tries the new one again when its cooldown is over, and stays with it once it works", async () => {
    const { world, told, uses } = await replaced();
    await world.failKey("a", invalidKey);
    await world.advance(40_000);
    expect(await uses()).toBe("old");
    expect(await world.ids(1)).toEqual(["a"]);
    expect(await uses()).toBe("new");
    await world.failKey("a", invalidKey);
    expect(await uses()).toBe("old");
    await world.advance(150_000);
    await world.ids(1);
    await world.ids(1);
    expect([await uses(), told.length]).toEqual(["new", 2]);
  });

  it("serves with the old one all the while the new one rests, however long that is by now", async () => {
    const { world, uses } = await replaced();
    await world.failKey("a", invalidKey);
    expect(await world.ids(3, { maxWaitMs: 0 })).toEqual(["a", "a", "a"]);
    await world.advance(40_000);
    await world.ids(1);
    await world.failKey("a", invalidKey);
    await world.advance(60_000);
    expect(await world.ids(3, { maxWaitMs: 0 })).toEqual(["a", "a", "a"]);
    expect(await uses()).toBe("old");
  });

  it("uses the new one alone when the time is over", async () => {
    const { world, uses } = await replaced(60_000);
    await world.failKey("a", invalidKey);
    expect(await uses()).toBe("old");
    await world.advance(60_000);
    expect(await uses()).toBe("new");
    await world.failKey("a", invalidKey);
    expect((await world.exhausted()).status).toBe(401);
  });

  it("gives both up when the old one is refused too", async () => {
    const { world } = await replaced();
    await world.failKey("a", invalidKey);
    await world.failKey("a", invalidKey);
    expect((await world.exhausted()).status).toBe(401);
  });

  it("does not go back for anything but a refused credential", async () => {
    const { world, told } = await replaced();
    await world.failKey("a", rateLimit(1000));
    await world.advance(1200);
    await world.failKey("a", judged({ kind: "quota_exhausted", retryAfterMs: 5000 }));
    expect(told).toEqual([]);
  });

  it("keeps nothing of the old one without overlap, or when the key is replaced again", async () => {
    const without = await replaced(0);
    await without.world.failKey("a", invalidKey);
    expect((await without.world.exhausted()).status).toBe(401);
    const again = await replaced();
    again.world.rotator.replace("a", newSecret());
    await again.world.failKey("a", invalidKey);
    expect((await again.world.exhausted()).status).toBe(401);
  });

  it("survives a move of the key meanwhile", async () => {
    const { world, uses } = await replaced(60_000);
    world.rotator.update("a", { account: "team" });
    await world.failKey("a", invalidKey);
    expect(await uses()).toBe("old");
    await world.advance(60_000);
    expect(await uses()).toBe("new");
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, "1000"])("refuses an overlap of %s", (overlapMs) => {
    const world = new RotatorWorld(makeStore, named("a"));
    expect(() => world.rotator.replace("a", newSecret(), { overlapMs: overlapMs as number })).toThrow(
      expect.objectContaining({ field: "overlapMs" }),
    );
  });
});
