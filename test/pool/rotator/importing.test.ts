import { describe, expect, it } from "vitest";
import { InvalidOptionsError, RotatorClosedError } from "../../../src/errors.ts";
import type { ImportReport } from "../../../src/operate/keys/manage-keys.ts";
import type { KeyList } from "../../../src/pool/keys/key-config.ts";
import { expectNoSecrets } from "../../../src/testing/expect-no-secrets.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";
import { named, RotatorWorld, rateLimit, storeKinds } from "./fixture.ts";

function outcomes({ results }: ImportReport): unknown[] {
  return results.map(({ outcome, ordinal }) => [outcome, ordinal]);
}

async function numbered(world: RotatorWorld): Promise<[string, number][]> {
  const { keys } = await world.rotator.snapshot();
  return keys.map(({ id, ordinal }) => [id, ordinal]);
}

describe.each(storeKinds)("KeyRotator importing keys over $name", ({ makeStore }) => {
  it("says of every entry, in order, what became of it, and stops at none", async () => {
    const [a, b, c] = named("a", "b", "c") as [{ id: string; secret: string }, { secret: string }, { secret: string }];
    const world = new RotatorWorld(makeStore, [a, b]);
    const fresh = newSecret();
    const report = world.rotator.import([
      a.secret,
      fresh,
      "",
      fresh,
      { id: "c", secret: c.secret, weight: -1 },
      { id: "b", secret: newSecret() },
      { id: "c", secret: c.secret, weight: 3 },
      { id: "c", secret: newSecret() },
      5 as never,
    ]);
    expect(outcomes(report)).toEqual([
      ["existed", 1],
      ["created", 3],
      ["invalid", null],
      ["duplicate_in_input", 3],
      ["invalid", null],
      ["invalid", null],
      ["created", 4],
      ["invalid", null],
      ["invalid", null],
    ]);
    expect(report.results.map(({ message }) => message)).toEqual([
      null,
      null,
      expect.stringContaining("`keys[2]`"),
      expect.stringContaining("earlier"),
      expect.stringContaining("`keys[4].weight`"),
      expect.stringMatching(/`keys\[5\]\.id`.*`replace\(id, secret\)`/),
      null,
      expect.stringMatching(/`keys\[7\]\.id`.*earlier entry/),
      expect.stringContaining("`keys[8]`"),
    ]);
    expect(report).toMatchObject({ created: 2, existed: 1, duplicates: 1, invalid: 5, removed: 0 });
    expectNoSecrets(report, [a.secret, b.secret, c.secret, fresh]);
    expect(new Set(await world.ids(4))).toEqual(new Set(["a", "b", "c", report.results[1]?.id]));
  });

  it("takes a string with a key a line, and says which line cannot be one", () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const [one, two] = newSecrets(2);
    const report = world.rotator.import(`${one}\n${two} ${two}\n'${two}'`);
    expect(outcomes(report)).toEqual([
      ["created", 2],
      ["invalid", null],
      ["created", 3],
    ]);
  });

  it("names the import after its second, unless it or a key has a name", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const batch = `batch_${Math.floor(world.clock.wall() / 1000)}`;
    expect(world.rotator.import([newSecret(), { secret: newSecret(), batch: "own" }]).batch).toBe(batch);
    expect(world.rotator.import([newSecret()], { batch: "march" }).batch).toBe("march");
    const { keys } = await world.rotator.snapshot();
    expect(keys.map((key) => key.batch)).toEqual([null, batch, "own", "march"]);
  });

  it.each<[string, unknown, object, string]>([
    ["an unknown mode", [newSecret()], { mode: "merge" }, "mode"],
    ["an unknown option", [newSecret()], { batches: "x" }, "batches"],
    ["a blank batch", [newSecret()], { batch: " " }, "batch"],
    ["an empty list", [], {}, "keys"],
    ["a blank string", " \n", { mode: "replace" }, "keys"],
    ["no list", { secret: "x" }, {}, "keys"],
  ])("refuses %s, and changes nothing", async (_, keys, options, field) => {
    const world = new RotatorWorld(makeStore, named("a"));
    expect(() => world.rotator.import(keys as never, options)).toThrow(
      expect.objectContaining({ name: "InvalidOptionsError", field }),
    );
    expect(await numbered(world)).toEqual([["a", 1]]);
  });

  it("leaves settings of a key that is there as they are", async () => {
    const [a] = named("a") as [{ secret: string }];
    const world = new RotatorWorld(makeStore, [{ ...a, id: "a", weight: 2, note: "mine" }]);
    world.rotator.import([{ secret: a.secret, weight: 9, note: "theirs" }]);
    const [key] = (await world.rotator.snapshot()).keys;
    expect([key?.weight, key?.note, key?.batch]).toEqual([2, "mine", null]);
  });

  it("begins a new list: keys not in it leave, known ones keep what they are, numbers begin with 1", async () => {
    const [a, b, c] = named("a", "b", "c") as [{ secret: string }, { secret: string }, { secret: string }];
    const world = new RotatorWorld(makeStore, [a, b, c] as never, { limits: [{ requests: 5 }] });
    await world.ids(3);
    await world.failKey("c", rateLimit(60_000));
    world.rotator.update("c", { note: "slow", weight: 4 });
    const told: unknown[] = [];
    world.rotator.on("keys-imported", (event) => told.push(event));
    world.rotator.on("key-removed", ({ keyId }) => told.push(keyId));
    const fresh = newSecret();
    const report = world.rotator.import([fresh, c.secret], { mode: "replace", batch: "new" });
    expect(outcomes(report)).toEqual([
      ["created", 1],
      ["existed", 2],
    ]);
    expect(report.removed).toBe(2);
    expect(told).toEqual(["a", "b", { batch: "new", created: 1, existed: 1, removed: 2 }]);
    const freshId = report.results[0]?.id as string;
    expect(await numbered(world)).toEqual([
      [freshId, 1],
      ["c", 2],
    ]);
    const { keys } = await world.rotator.snapshot();
    expect(keys[1]).toMatchObject({ note: "slow", weight: 4, state: "cooling", failures: 1 });
    expect(keys[1]?.limits[0]?.used).toBeGreaterThan(0);
    expect(await world.ids(2)).toEqual([freshId, freshId]);
    expect(outcomes(world.rotator.import([a.secret]))).toEqual([["created", 3]]);
  });

  it("leaves the keys there are when a new list has none that can be one", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const report = world.rotator.import(["", { id: "b", secret: 5 as never }], { mode: "replace" });
    expect(report).toMatchObject({ invalid: 2, removed: 0 });
    expect(await world.ids(1)).toEqual(["a"]);
  });

  it("leaves a gap where a key was deleted, and gives it its number back when it comes back", async () => {
    const [a, b, c] = named("a", "b", "c") as [{ secret: string }, { id: string; secret: string }, { secret: string }];
    const world = new RotatorWorld(makeStore, [a, b, c] as never);
    world.rotator.remove("b");
    expect(outcomes(world.rotator.import([newSecret()]))).toEqual([["created", 4]]);
    expect(outcomes(world.rotator.import([{ id: "b", secret: b.secret }]))).toEqual([["created", 2]]);
    expect((await numbered(world)).map(([, ordinal]) => ordinal)).toEqual([1, 2, 3, 4]);
  });

  it("keeps a new list after the source is read again, except for keys that are new to it", async () => {
    const [a, b, c] = named("a", "b", "c");
    let list = [a, b] as KeyList;
    const world = new RotatorWorld(makeStore, () => list);
    await world.ids(1);
    const fresh = newSecret();
    world.rotator.import([fresh], { mode: "replace" });
    list = [a, b, c] as KeyList;
    await world.rotator.reload();
    expect((await numbered(world)).map(([, ordinal]) => ordinal)).toEqual([1, 2]);
    expect((await numbered(world))[1]?.[0]).toBe("c");
  });

  it("begins a new list also before a function that lists keys was first read", async () => {
    const [a, b] = named("a", "b") as [{ secret: string }, { secret: string }];
    const world = new RotatorWorld(makeStore, () => [a, b] as KeyList);
    world.rotator.import([{ id: "mine", secret: newSecret() }], { mode: "replace" });
    expect(await numbered(world)).toEqual([["mine", 1]]);
    await world.rotator.reload();
    expect(await numbered(world)).toEqual([["mine", 1]]);
  });

  it("imports nothing once it is closed", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.rotator.close();
    expect(() => world.rotator.import([newSecret()])).toThrow(RotatorClosedError);
    expect(() => world.rotator.update("a", { weight: 2 })).toThrow(RotatorClosedError);
    expect(() => world.rotator.import([newSecret()])).not.toThrow(InvalidOptionsError);
  });

  it("takes ten times as many in, in ten times as long", () => {
    const timeOf = (count: number): number => {
      const world = new RotatorWorld(makeStore, newSecrets(count));
      const secrets = newSecrets(count);
      const startedAt = performance.now();
      expect(world.rotator.import(secrets).created).toBe(count);
      return performance.now() - startedAt;
    };
    timeOf(500);
    const few = Math.max(timeOf(500), timeOf(500));
    // Looking at every key for every key would take a hundred times as long.
    expect(timeOf(5000) / few).toBeLessThan(40);
  });
});
