import { describe, expect, it } from "vitest";
import { InvalidOptionsError, KeyRotator, MemoryKeyStore } from "../../../src/index.ts";
import { manageKeys } from "../../../src/operate/keys/manage-keys.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { newSecret } from "../../support/test-keys.ts";

const keys = ["a", "b"].map((id) => ({ id, secret: newSecret() }));

async function idsIn(rotator: KeyRotator): Promise<readonly string[]> {
  const { keys: known } = await rotator.snapshot();
  return known.filter(({ enabled }) => enabled).map(({ id }) => id);
}

describe("manageKeys", () => {
  it("does what the rotator's own methods do, on one list", async () => {
    const rotator = new KeyRotator({ keys, clock: new FakeClock() });
    const manager = manageKeys(rotator);
    expect(manager.disable("a")).toBe(true);
    expect(rotator.remove("b")).toBe(true);
    expect(manager.enable("b")).toBe(false);
    expect(await idsIn(rotator)).toEqual([]);
    manager.enable("a");
    expect(await idsIn(rotator)).toEqual(["a"]);
  });

  it("keeps changes in a store that the pool was made without, and begins with what that holds", async () => {
    const store = new MemoryKeyStore();
    const before = manageKeys(new KeyRotator({ keys, clock: new FakeClock() }), { store });
    before.remove("a");
    await before.flushed();

    const rotator = new KeyRotator({ keys, clock: new FakeClock() });
    manageKeys(rotator, { store });
    const lease = await rotator.acquire();
    expect(lease.key.id).toBe("b");
    expect(await idsIn(rotator)).toEqual(["b"]);
  });

  it("refuses another store beside the pool's own", () => {
    const keyStore = new MemoryKeyStore();
    const rotator = new KeyRotator({ keys, keyStore, clock: new FakeClock() });
    expect(() => manageKeys(rotator, { store: new MemoryKeyStore() })).toThrow(InvalidOptionsError);
    expect(manageKeys(rotator, { store: keyStore }).disable("a")).toBe(true);
  });

  it("refuses a store that comes after changes or requests, and what is none", async () => {
    const rotator = new KeyRotator({ keys, clock: new FakeClock() });
    const lease = await rotator.acquire();
    expect(() => manageKeys(rotator, { store: new MemoryKeyStore() })).toThrow(/before the pool serves/);
    lease.settle({ outcome: "success" });
    expect(() => manageKeys(rotator, { store: {} as never })).toThrow(InvalidOptionsError);
    manageKeys(rotator).disable("a");
    expect(() => manageKeys(rotator, { store: new MemoryKeyStore() })).toThrow(/before keys are changed/);
    expect(() => manageKeys({} as never)).toThrow(/`pool` to be a KeyRotator/);
  });
});
