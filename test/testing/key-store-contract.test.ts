import { describe, expect, it } from "vitest";
import type { KeyStore } from "../../src/pool/keys/key-store.ts";
import { MemoryKeyStore } from "../../src/stores/memory-key-store.ts";
import { type KeyStoreUnderTest, keyStoreContract } from "../../src/testing/index.ts";

/** Runs the whole contract by hand; returns the names of the tests that failed. */
async function failures(makeStore: () => KeyStore | KeyStoreUnderTest): Promise<string[]> {
  const tests: (readonly [name: string, body: () => Promise<void>])[] = [];
  const runner = {
    describe: (_name: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => tests.push([name, body]),
  };
  keyStoreContract(runner, () => {
    const made = makeStore();
    return "store" in made ? made : { store: made };
  });
  const failed: string[] = [];
  for (const [name, body] of tests) await body().catch(() => failed.push(name));
  return failed;
}

/** A memory store with some of its methods replaced by wrong ones. */
function broken(change: (inner: MemoryKeyStore) => Partial<KeyStore>, storeSecrets = false): () => KeyStore {
  return () => {
    const inner = new MemoryKeyStore({ storeSecrets });
    const store: KeyStore = {
      storesSecrets: inner.storesSecrets,
      claim: (owner) => inner.claim(owner),
      load: () => inner.load(),
      apply: (changes, version) => inner.apply(changes, version),
      watch: (listener) => inner.watch(listener),
    };
    return { ...store, ...change(inner) };
  };
}

describe("keyStoreContract", () => {
  it("passes stores that keep it, watched or not, with secrets or without", async () => {
    expect(await failures(() => new MemoryKeyStore())).toEqual([]);
    expect(await failures(() => new MemoryKeyStore({ storeSecrets: true }))).toEqual([]);
    expect(await failures(broken(() => ({ watch: undefined as never })))).toEqual([]);
    expect(await failures(broken(() => ({ claim: undefined as never })))).toEqual([]);
    const shared = (): KeyStoreUnderTest => {
      const store = new MemoryKeyStore();
      return { store, reopen: () => store };
    };
    expect(await failures(shared)).toEqual([]);
  });

  it("catches a store that changes records whatever their version", async () => {
    const store = broken((inner) => ({ apply: (changes) => inner.apply(changes, inner.load().version) }));
    expect(await failures(store)).toEqual([
      "changes nothing when the records are at another version, and tells which",
      "makes one of several changes that expect the same version",
      "tells of every change, until nobody wants to hear it",
    ]);
  });

  it("catches a store that forgets nothing", async () => {
    const store = broken((inner) => ({ apply: ({ put }, version) => inner.apply({ put, drop: [] }, version) }));
    expect(await failures(store)).toEqual(["forgets what is dropped, and minds no id it does not have"]);
  });

  it("catches a store that keeps secrets and says it does not", async () => {
    const store = broken(() => ({ storesSecrets: false }), true);
    expect(await failures(store)).toEqual(["keeps secrets if it says so, and otherwise nothing of them"]);
  });

  it("catches a store that tells too early, too often or not at all", async () => {
    const wrong = "tells of every change, until nobody wants to hear it";
    expect(await failures(broken(() => ({ watch: () => () => {} })))).toContain(wrong);
    const deaf = broken((inner) => ({
      watch: (listener) => {
        inner.watch(listener);
        return () => {};
      },
    }));
    expect(await failures(deaf)).toEqual([wrong]);
  });

  it("catches a store that has nothing after its end", async () => {
    const forgetful = (): KeyStoreUnderTest => ({ store: new MemoryKeyStore(), reopen: () => new MemoryKeyStore() });
    expect(await failures(forgetful)).toEqual([
      "has everything again after it ended, if it outlives its process",
      "has its owner again after it ended, if it outlives its process",
      "keeps the owner that the first of the records was written with",
    ]);
  });

  it("catches a store that belongs to everybody, or to the last who said so", async () => {
    const obliging = broken(() => ({ claim: (owner) => owner }));
    expect(await failures(obliging)).toContain("belongs to whoever claims it first, and tells others who that is");
    expect(await failures(obliging)).toContain("has one owner where several claim it at once");
  });

  it("catches a store that looks whose it is and writes it down later", async () => {
    const slow = broken(() => {
      let owner: string | undefined;
      const claim = async (claimed: string): Promise<string> => {
        const before = owner;
        await Promise.resolve();
        owner = before ?? claimed;
        return owner;
      };
      return { claim };
    });
    expect(await failures(slow)).toEqual(["has one owner where several claim it at once"]);
  });
});
