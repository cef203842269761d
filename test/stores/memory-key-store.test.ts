import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { KeyRecord } from "../../src/pool/keys/key-store.ts";
import { MemoryKeyStore } from "../../src/stores/memory-key-store.ts";
import { expectNoSecrets, keyStoreContract } from "../../src/testing/index.ts";
import { newSecret } from "../support/test-keys.ts";

const record: KeyRecord = {
  id: "a",
  fingerprint: null,
  ordinal: 1,
  addedBy: "operator",
  removed: false,
  batch: null,
  settings: { models: ["m"] },
};

describe("MemoryKeyStore", () => {
  keyStoreContract({ describe, it }, () => ({ store: new MemoryKeyStore() }));

  describe("with secrets", () => {
    keyStoreContract({ describe, it }, () => ({ store: new MemoryKeyStore({ storeSecrets: true }) }));
  });

  it("keeps no secrets unless it is told to", () => {
    expect([new MemoryKeyStore().storesSecrets, new MemoryKeyStore({ storeSecrets: true }).storesSecrets]).toEqual([
      false,
      true,
    ]);
    expect(() => new MemoryKeyStore({ storeSecrets: "yes" as never })).toThrow(
      expect.objectContaining({ field: "storeSecrets" }),
    );
  });

  it("does not show what it keeps when it is printed", () => {
    const secret = newSecret();
    const store = new MemoryKeyStore({ storeSecrets: true });
    store.apply({ put: [{ ...record, given: { secret } }], drop: [] }, store.load().version);
    expectNoSecrets([inspect(store, { depth: null, showHidden: true }), JSON.stringify(store)], [secret]);
    expect(store.load().records[0]?.given?.secret === secret).toBe(true);
  });

  it("hands out records that nobody can change", () => {
    const store = new MemoryKeyStore();
    store.apply({ put: [record], drop: [] }, store.load().version);
    const [kept] = store.load().records as [KeyRecord];
    expect(() => (kept.settings.models as string[]).push("x")).toThrow(TypeError);
  });
});
