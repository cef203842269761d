import { describe, expect, it } from "vitest";
import { InvalidOptionsError, KeySourceError, RotatorClosedError } from "../../../src/errors.ts";
import type { KeyList } from "../../../src/pool/keys/key-config.ts";
import { expectNoSecrets } from "../../../src/testing/expect-no-secrets.ts";
import { newSecret } from "../../support/test-keys.ts";
import { invalidKey, named, RotatorWorld, rateLimit, settled, storeKinds } from "./fixture.ts";

const allEvents = [
  "key-added",
  "key-removed",
  "key-enabled",
  "key-disabled",
  "key-replaced",
  "keys-reloaded",
  "keys-reload-failed",
] as const;

function refusalOf(change: () => unknown): InvalidOptionsError {
  try {
    change();
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error("The change was made");
}

function listen(world: RotatorWorld): unknown[] {
  const told: unknown[] = [];
  for (const name of allEvents) world.rotator.on(name, (event) => told.push([name, event]));
  return told;
}

describe.each(storeKinds)("KeyRotator managing keys over $name", ({ makeStore }) => {
  it("uses a key that was added from now on", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const told = listen(world);
    expect(world.rotator.add({ id: "b", secret: newSecret() })).toBe("b");
    expect(new Set(await world.ids(4))).toEqual(new Set(["a", "b"]));
    expect(told).toEqual([["key-added", { keyId: "b" }]]);
  });

  it("names a secret that was added, and leaves one that is there already as it is", async () => {
    const secret = newSecret();
    const world = new RotatorWorld(makeStore, [{ id: "a", secret }]);
    const told = listen(world);
    const id = world.rotator.add(newSecret());
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(world.rotator.add(secret)).toBe("a");
    expect(world.rotator.add({ id: "a", secret })).toBe("a");
    expect(told).toHaveLength(1);
    expect(() => world.rotator.add("")).toThrow(InvalidOptionsError);
  });

  it("adds no key under the id of one with another secret, and says how to replace that", async () => {
    const [a] = named("a") as [{ id: string; secret: string }];
    const world = new RotatorWorld(makeStore, [a]);
    const told = listen(world);
    const other = newSecret();
    const error = refusalOf(() => world.rotator.add({ id: "a", secret: other }));
    expect(error.field).toBe("key.id");
    expect(error.message).toMatch(/^Expected `key\.id` to be one that no other key has, .*`replace\(id, secret\)`/);
    expectNoSecrets(error, [a.secret, other]);
    expect([told, (await world.take()).secret === a.secret]).toEqual([[], true]);
  });

  it.each([
    ["a comma", ","],
    ["a line break", "\n"],
  ])("adds no key with %s in it, which are two", (_, separator) => {
    const world = new RotatorWorld(makeStore, named("a"));
    const secrets = [newSecret(), newSecret()];
    const error = refusalOf(() => world.rotator.add(secrets.join(separator)));
    expect(error.message).toMatch(/to be one key, got one with a (comma|line break) at position 37; .*split/);
    expectNoSecrets(error, secrets);
  });

  it("does not give a key that was removed", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const held = await world.take();
    expect(world.rotator.remove("a")).toBe(true);
    expect(world.rotator.remove("a")).toBe(false);
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    await world.succeed(held);
    expect(world.rotator.inFlight).toBe(0);
    world.rotator.remove("b");
    expect(await world.exhausted()).toMatchObject({ status: 503 });
  });

  it("survives a failure of a key that was removed meanwhile", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const held = await world.take();
    world.rotator.remove("a");
    world.rotator.add({ id: "c", secret: newSecret() });
    await world.fail(held, rateLimit(60_000));
    expect(new Set(await world.ids(4, { maxWaitMs: 0 }))).toEqual(new Set(["b", "c"]));
  });

  it("switches a key off and on again", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const told = listen(world);
    expect([world.rotator.disable("a", "too expensive"), world.rotator.disable("a")]).toEqual([true, true]);
    expect(await world.ids(2)).toEqual(["b", "b"]);
    expect([world.rotator.enable("a"), world.rotator.enable("a")]).toEqual([true, true]);
    await settled();
    expect(await world.ids(2)).toContain("a");
    expect(told).toEqual([
      ["key-disabled", { keyId: "a", reason: "too expensive" }],
      ["key-enabled", { keyId: "a" }],
    ]);
    expect([world.rotator.enable("nobody"), world.rotator.disable("nobody")]).toEqual([false, false]);
  });

  it("does not use a key that begins disabled", async () => {
    const [a, b] = named("a", "b");
    const world = new RotatorWorld(makeStore, [{ ...a, enabled: false }, { ...b }] as never);
    expect(await world.ids(2)).toEqual(["b", "b"]);
    world.rotator.enable("a");
    await settled();
    expect(await world.ids(2)).toContain("a");
  });

  it("ends a key's own cooldown when it is enabled", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.rotator.cooldown("a", 60_000);
    await world.exhausted();
    world.rotator.enable("a");
    await settled();
    expect(await world.ids(1, { maxWaitMs: 0 })).toEqual(["a"]);
  });

  it("refuses a secret that another key has as a replacement, and leaves both keys as they are", async () => {
    const [a, b] = named("a", "b") as [{ secret: string }, { secret: string }];
    const third = newSecret();
    const world = new RotatorWorld(makeStore, [a as never, b as never, third]);
    const told = listen(world);
    const thirdId = (await world.rotator.snapshot()).keys[2]?.id;
    for (const [taken, owner] of [
      [b.secret, "b"],
      [third, thirdId],
    ]) {
      const error = refusalOf(() => world.rotator.replace("a", ` ${taken}\n`));
      expect(error.message).toBe(
        `Expected \`key.secret\` to be a secret that no other key has, got that of the key \`${owner}\``,
      );
      expectNoSecrets(error, [a.secret, b.secret, third]);
    }
    expect((await world.take({ prefer: "a" })).secret === a.secret).toBe(true);
    expect(told).toEqual([]);
    expect(world.rotator.replace("a", a.secret)).toBe(true);
  });

  it("does not repeat an id that is a secret when it refuses that key's", () => {
    const secret = newSecret();
    const world = new RotatorWorld(makeStore, [...named("a"), { id: secret, secret }]);
    const error = refusalOf(() => world.rotator.replace("a", secret));
    expect(error.message).toMatch(/got that of another one$/);
    expectNoSecrets(error, [secret]);
  });

  it("changes no keys once it is closed", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.rotator.close();
    const told = listen(world);
    for (const change of [
      () => world.rotator.add(newSecret()),
      () => world.rotator.remove("a"),
      () => world.rotator.enable("a"),
      () => world.rotator.disable("a"),
      () => world.rotator.disable("nobody"),
      () => world.rotator.replace("a", newSecret()),
    ]) {
      expect(change).toThrow(RotatorClosedError);
      expect(change).toThrow("The rotator is closed");
    }
    expect(told).toEqual([]);
  });

  it("lets verdicts on the old secret not follow a replaced one", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.failKey("a", invalidKey);
    expect((await world.exhausted()).status).toBe(401);
    const fresh = newSecret();
    expect(world.rotator.replace("a", fresh)).toBe(true);
    const lease = await world.take({ maxWaitMs: 0 });
    expect([lease.keyId, lease.secret === fresh]).toEqual(["a", true]);
    expect(world.rotator.replace("nobody", fresh)).toBe(false);
  });
});

describe.each(storeKinds)("KeyRotator reading its key source over $name", ({ makeStore }) => {
  it("reads a function at first use, once for all who ask", async () => {
    let reads = 0;
    const list = named("a", "b");
    const world = new RotatorWorld(makeStore, async () => {
      reads++;
      await settled();
      return list;
    });
    const leases = await Promise.all([world.take(), world.take(), world.take()]);
    expect(leases.map(({ keyId }) => keyId).sort()).toEqual(["a", "a", "b"]);
    expect(reads).toBe(1);
  });

  it("keeps what is said of keys for the moment they are first read", async () => {
    const [a, b, c, d] = named("a", "b", "c", "d");
    let isDown = true;
    const world = new RotatorWorld(makeStore, async () => {
      if (isDown) throw new Error("the vault is sealed");
      return [a, b, { ...c, enabled: false }, d] as KeyList;
    });
    const told = listen(world);
    const { rotator } = world;
    expect([rotator.disable("a", "too expensive"), rotator.remove("b"), rotator.enable("c")]).toEqual([
      true,
      true,
      true,
    ]);
    rotator.disable("d");
    rotator.enable("d");
    rotator.disable("nobody");
    expect(rotator.replace("a", newSecret())).toBe(false);
    expect(told).toEqual([]);
    await expect(world.take()).rejects.toThrow(KeySourceError);
    isDown = false;
    const ids = await world.ids(4);
    expect([...new Set(ids)].sort()).toEqual(["c", "d"]);
    expect(told).toEqual([
      ["key-disabled", { keyId: "a", reason: "too expensive" }],
      ["key-removed", { keyId: "b" }],
      ["key-enabled", { keyId: "c" }],
      ["key-disabled", { keyId: "d", reason: "operator" }],
      ["key-enabled", { keyId: "d" }],
    ]);
    expect(rotator.disable("nobody")).toBe(false);
  });

  it("acts at once on a key that was added before the first read", async () => {
    const world = new RotatorWorld(makeStore, () => named("a"));
    world.rotator.add({ id: "mine", secret: newSecret() });
    const told = listen(world);
    expect(world.rotator.disable("mine")).toBe(true);
    expect(told).toEqual([["key-disabled", { keyId: "mine", reason: "operator" }]]);
    expect(await world.ids(2)).toEqual(["a", "a"]);
  });

  it("fails the first request when the source does, and tries again with the next", async () => {
    let isDown = true;
    const world = new RotatorWorld(makeStore, () => {
      if (isDown) throw new Error("the vault is sealed");
      return named("a");
    });
    const error: unknown = await world.take().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KeySourceError);
    expect((error as KeySourceError).cause).toMatchObject({ message: "the vault is sealed" });
    isDown = false;
    expect((await world.take()).keyId).toBe("a");
  });

  it("says what is wrong with an unusable first list", async () => {
    const world = new RotatorWorld(makeStore, () => "");
    await expect(world.take()).rejects.toThrow(/Expected `keys` to be at least one key/);
  });

  it("takes over a changed list, keeps the state of keys that stay and those an operator added", async () => {
    const [a, b, c] = named("a", "b", "c");
    let list = [a, b] as KeyList;
    const world = new RotatorWorld(makeStore, () => list, { limits: [{ requests: 5 }] });
    const told = listen(world);
    await world.ids(2);
    await world.failKey("a", rateLimit(5000));
    world.rotator.add({ id: "mine", secret: newSecret() });
    list = [a, c] as KeyList;
    await world.rotator.reload();
    expect(told.at(-1)).toEqual(["keys-reloaded", { added: 1, removed: 1, kept: 1 }]);
    expect(new Set(await world.ids(6))).toEqual(new Set(["c", "mine"]));
    await world.advance(5200);
    expect(await world.ids(3)).toContain("a");
    expect((await world.rotator.snapshot()).keys.find(({ id }) => id === "a")?.used).toBeGreaterThan(1);
  });

  it.each([
    ["fails", () => Promise.reject(new Error("the vault is sealed"))],
    ["lists nothing", () => []],
    ["lists nonsense", () => [5] as never],
    ["returns undefined", () => undefined as never],
  ])("keeps the keys there are when the source %s", async (_, broken) => {
    let read: () => KeyList | Promise<KeyList> = () => named("a");
    const world = new RotatorWorld(makeStore, () => read());
    await world.ids(1);
    const told = listen(world);
    read = broken;
    await world.rotator.reload();
    expect(told).toEqual([["keys-reload-failed", { error: expect.any(KeySourceError) }]]);
    expect(await world.ids(2)).toEqual(["a", "a"]);
  });

  it("leaves a key switched off that an operator switched off", async () => {
    const list = named("a", "b");
    const world = new RotatorWorld(makeStore, () => list);
    await world.ids(1);
    world.rotator.disable("a");
    await world.rotator.reload();
    expect(await world.ids(2)).toEqual(["b", "b"]);
  });

  it("takes over a new account, tier and weight of a key that stays", async () => {
    const [a, b] = named("a", "b");
    let list = [a, b] as KeyList;
    const world = new RotatorWorld(makeStore, () => list);
    await world.ids(2);
    list = [
      { ...a, priority: 1 },
      { ...b, account: "moved" },
    ] as never;
    await world.rotator.reload();
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
    expect((await world.take()).account).toBe("moved");
  });
});
