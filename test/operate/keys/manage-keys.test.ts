import { describe, expect, it } from "vitest";
import { InvalidOptionsError, KeyRotator, type KeyStore, MemoryKeyStore } from "../../../src/index.ts";
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
    const keyStore = new MemoryKeyStore();
    const before = manageKeys(new KeyRotator({ keys, clock: new FakeClock() }), { keyStore });
    before.remove("a");
    await before.flushed();

    const rotator = new KeyRotator({ keys, clock: new FakeClock() });
    manageKeys(rotator, { keyStore });
    const lease = await rotator.acquire();
    expect(lease.key.id).toBe("b");
    expect(await idsIn(rotator)).toEqual(["b"]);
  });

  it("says whose keys these are as the option does", async () => {
    const claims: string[] = [];
    const claimed = (): KeyStore => {
      const kept = new MemoryKeyStore();
      return {
        storesSecrets: false,
        claim: (owner) => {
          claims.push(owner);
          return owner;
        },
        load: () => kept.load(),
        apply: (changes, version) => kept.apply(changes, version),
      };
    };
    await new KeyRotator({ keys, provider: "openai", keyStore: claimed() }).snapshot();
    const rotator = new KeyRotator({ keys, provider: "openai" });
    manageKeys(rotator, { keyStore: claimed() });
    await rotator.snapshot();
    expect(claims).toEqual(['"openai"', '"openai"']);
  });

  it("refuses another store beside the pool's own", () => {
    const keyStore = new MemoryKeyStore();
    const rotator = new KeyRotator({ keys, keyStore, clock: new FakeClock() });
    expect(() => manageKeys(rotator, { keyStore: new MemoryKeyStore() })).toThrow(InvalidOptionsError);
    expect(manageKeys(rotator, { keyStore }).disable("a")).toBe(true);
  });

  it("refuses a store that comes after changes or requests, and what is none", async () => {
    const rotator = new KeyRotator({ keys, clock: new FakeClock() });
    const lease = await rotator.acquire();
    expect(() => manageKeys(rotator, { keyStore: new MemoryKeyStore() })).toThrow(/before the pool serves/);
    lease.settle({ outcome: "success" });
    expect(() => manageKeys(rotator, { keyStore: {} as never })).toThrow(InvalidOptionsError);
    manageKeys(rotator).disable("a");
    expect(() => manageKeys(rotator, { keyStore: new MemoryKeyStore() })).toThrow(/before keys are changed/);
    expect(() => manageKeys({} as never)).toThrow(/`pool` to be a KeyRotator/);
  });
});
