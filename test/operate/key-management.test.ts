import { afterEach, describe, expect, it } from "vitest";
import { KeyStoreError } from "../../src/errors.ts";
import { KeyRotator } from "../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../src/named/options.ts";
import type { KeyConfig, KeyList } from "../../src/pool/keys/key-config.ts";
import type { KeyChangeAnswer, KeyChanges, KeyRecords, KeyStore } from "../../src/pool/keys/key-store.ts";
import { portOf } from "../../src/pool/pool-port.ts";
import { MemoryKeyStore } from "../../src/stores/memory-key-store.ts";
import { expectNoSecrets } from "../../src/testing/expect-no-secrets.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { nextMacrotask } from "../../src/testing/next-macrotask.ts";
import { newSecret, newSecrets } from "../support/test-keys.ts";

/** The same records behind a network: everything is a copy and takes a while. */
class SlowKeyStore implements KeyStore {
  readonly storesSecrets: boolean;
  readonly #inner: MemoryKeyStore;
  failure: Error | undefined;
  applies = 0;

  constructor(inner: MemoryKeyStore) {
    this.#inner = inner;
    this.storesSecrets = inner.storesSecrets;
  }

  async load(): Promise<KeyRecords> {
    await nextMacrotask();
    if (this.failure !== undefined) throw this.failure;
    const records = JSON.parse(JSON.stringify(this.#inner.load())) as KeyRecords;
    await nextMacrotask();
    return records;
  }

  async apply(changes: KeyChanges, expectedVersion: string): Promise<KeyChangeAnswer> {
    this.applies++;
    const copy = JSON.parse(JSON.stringify(changes)) as KeyChanges;
    await nextMacrotask();
    if (this.failure !== undefined) throw this.failure;
    const answer = this.#inner.apply(copy, expectedVersion);
    await nextMacrotask();
    return answer;
  }

  watch(listener: (version: string) => void): () => void {
    return this.#inner.watch((version) => void nextMacrotask().then(() => listener(version)));
  }
}

interface StoreKind {
  readonly name: string;
  readonly open: (shared: MemoryKeyStore) => KeyStore;
}

const storeKinds: readonly StoreKind[] = [
  { name: "a MemoryKeyStore", open: (shared) => shared },
  { name: "a store that takes its time", open: (shared) => new SlowKeyStore(shared) },
];

const rotators: KeyRotator[] = [];

afterEach(async () => {
  for (const rotator of rotators.splice(0)) await rotator.close().catch(() => {});
});

function start(keys: RotatorOptions["keys"], keyStore: KeyStore | undefined, options: Partial<RotatorOptions> = {}) {
  const rotator = new KeyRotator({ keys, keyStore, clock: new FakeClock({ monotonic: 1000 }), ...options });
  rotators.push(rotator);
  return rotator;
}

/** Until everything that needs no clock has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await nextMacrotask();
}

async function listed(rotator: KeyRotator): Promise<unknown[]> {
  const { keys } = await rotator.snapshot();
  return keys.map(({ id, ordinal, enabled, weight, priority, account, note, models, batch, disabledReason }) => ({
    ...{ id, ordinal, enabled, weight, priority, account, note, models, batch, disabledReason },
  }));
}

async function ids(rotator: KeyRotator): Promise<string[]> {
  return (await rotator.snapshot()).keys.map(({ id }) => id);
}

function named(...names: readonly string[]): (KeyConfig & { id: string; secret: string })[] {
  return names.map((id) => ({ id, secret: newSecret() }));
}

async function secretOf(rotator: KeyRotator, id: string): Promise<string> {
  const lease = await rotator.acquire({ prefer: id, maxWaitMs: 0 });
  const { secret, keyId } = lease;
  lease.settle({ outcome: "aborted", sent: "no" });
  await settled();
  return keyId === id ? secret : `that of ${keyId}`;
}

describe.each(storeKinds)("KeyManagement over $name", ({ open }) => {
  it.each([true, false])("has after a restart every key as it was, storeSecrets %s", async (storeSecrets) => {
    const shared = new MemoryKeyStore({ storeSecrets });
    const [a, b, c, d] = named("a", "b", "c", "d") as [KeyConfig, KeyConfig, KeyConfig, KeyConfig];
    const mine = newSecret();
    const first = start([a, b, c, d], open(shared));
    await first.snapshot();
    first.remove("b");
    first.import([{ id: "mine", secret: mine, weight: 2, priority: 1, models: ["m-*"], headers: { "x-org": "o" } }], {
      batch: "march",
    });
    first.update("a", { weight: 3, priority: -1, account: "team", note: "first", models: "x" });
    first.disable("c", "too expensive");
    first.update("mine", { note: "kept" });
    first.disable("d");
    first.enable("d");
    await first.flushed();
    const before = await listed(first);
    await first.close();
    const second = start([a, b, c, d], open(shared));
    const after = (await listed(second)) as { id: string }[];
    if (storeSecrets) expect(after).toEqual(before);
    else {
      const unknown = { enabled: false, disabledReason: "secret unknown" };
      expect(after).toEqual(
        before.map((key) => ((key as { id: string }).id === "mine" ? { ...(key as object), ...unknown } : key)),
      );
    }
    expect(after.map(({ id }) => id)).toEqual(["a", "c", "d", "mine"]);
    if (storeSecrets) {
      const lease = await second.acquire({ prefer: "mine", model: "m-1" });
      expect([lease.secret === mine, lease.headers]).toEqual([true, { "x-org": "o" }]);
      lease.settle({ outcome: "success" });
    }
    const [id] = [second.add(newSecret())];
    expect((await second.snapshot()).keys.find((key) => key.id === id)?.ordinal).toBe(6);
  });

  it("changes nothing in the store when nothing changed", async () => {
    const shared = new MemoryKeyStore();
    const keys = named("a", "b");
    const first = start(keys, open(shared));
    await first.snapshot();
    await first.close();
    const { version } = shared.load();
    const second = start(keys, open(shared));
    await second.snapshot();
    second.update("a", {});
    await second.reload();
    await second.close();
    expect(shared.load().version).toBe(version);
  });

  it("keeps a key number although keys before it are gone from the source", async () => {
    const shared = new MemoryKeyStore();
    const [a, b, c, d] = named("a", "b", "c", "d") as [KeyConfig, KeyConfig, KeyConfig, KeyConfig];
    const first = start([a, b, c], open(shared));
    await first.snapshot();
    await first.close();
    const second = start([c, d, b], open(shared));
    const { keys } = await second.snapshot();
    expect(keys.map(({ id, ordinal }) => [id, ordinal])).toEqual([
      ["b", 2],
      ["c", 3],
      ["d", 4],
    ]);
  });

  it("lets a key leave that the source lists no more, but not one an operator gave", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const [a, b] = named("a", "b") as [KeyConfig, KeyConfig];
    const first = start([a, b], open(shared));
    await first.snapshot();
    first.update("b", { note: "mine" });
    first.add({ id: "given", secret: newSecret() });
    await first.close();
    const second = start([a], open(shared));
    expect(await ids(second)).toEqual(["a", "given"]);
  });

  it("keeps a key out that an operator took out, until it is given again", async () => {
    const shared = new MemoryKeyStore();
    const [a, b] = named("a", "b") as [KeyConfig, KeyConfig & { secret: string }];
    const first = start([a, b], open(shared));
    await first.snapshot();
    first.remove("b");
    await first.close();
    const second = start(() => [a, b], open(shared));
    expect(await ids(second)).toEqual(["a"]);
    await second.reload();
    expect(await ids(second)).toEqual(["a"]);
    second.import([{ id: "b", secret: b.secret }]);
    await second.close();
    const third = start([a, b], open(shared));
    expect(await listed(third)).toMatchObject([
      { id: "a", ordinal: 1 },
      { id: "b", ordinal: 2, enabled: true },
    ]);
  });

  it("lists a key whose secret nobody kept as off, and uses it as it was once it is given again", async () => {
    const shared = new MemoryKeyStore();
    const [a] = named("a") as [KeyConfig];
    const mine = newSecret();
    const first = start([a], open(shared));
    await first.snapshot();
    first.import([{ id: "mine", secret: mine, weight: 5 }], { batch: "march" });
    await first.close();
    const lines: unknown[] = [];
    const log = (...line: unknown[]) => lines.push(line);
    const second = start([a], open(shared), { logger: { debug: log, info: log, warn: log, error: log } });
    expect((await second.snapshot()).keys[1]).toMatchObject({
      id: "mine",
      masked: null,
      state: "disabled",
      disabledReason: "secret unknown",
    });
    expect(lines).toContainEqual(["key-disabled", { keyId: "mine", reason: "secret unknown" }]);
    second.enable("mine");
    expect(await secretOf(second, "mine")).toBe("that of a");
    const report = second.import([newSecret(), mine]);
    expect(report.results[1]).toMatchObject({ outcome: "existed", id: "mine", ordinal: 2 });
    expect((await secretOf(second, "mine")) === mine).toBe(true);
    expect((await second.snapshot()).keys[1]).toMatchObject({ weight: 5, batch: "march", enabled: true });
    second.disable("mine");
    expect(second.replace("mine", newSecret())).toBe(true);
    expect(() => second.add({ id: "mine", secret: newSecret() })).toThrow("`replace(id, secret)`");
    expectNoSecrets([lines, report], [mine]);
  });

  it("uses a replaced secret after a restart if it was kept, until the source lists another one", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const [a] = named("a") as [KeyConfig & { secret: string }];
    const [fresh, third] = newSecrets(2);
    const first = start([a], open(shared));
    await first.snapshot();
    first.replace("a", fresh as string);
    await first.close();
    const second = start([a], open(shared));
    expect((await secretOf(second, "a")) === fresh).toBe(true);
    await second.close();
    const rotated = start([{ ...a, secret: third as string }], open(shared));
    expect((await secretOf(rotated, "a")) === third).toBe(true);
    await rotated.close();
    expectNoSecrets(shared.load(), [fresh as string]);
  });

  it("has no secret in its records unless they are to be kept", async () => {
    const shared = new MemoryKeyStore();
    const secrets = newSecrets(5) as [string, string, string, string, string];
    const rotator = start([secrets[0], { id: "b", secret: secrets[1] }], open(shared));
    await rotator.snapshot();
    rotator.import([secrets[2], { id: "c", secret: secrets[3], headers: { "x-key": secrets[3] } }]);
    rotator.replace("b", secrets[4]);
    await rotator.flushed();
    expect(shared.load().records).toHaveLength(4);
    expectNoSecrets(shared.load(), secrets);
  });

  it("shows another rotator of the store what operators change, and it the first one's", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const keys = named("a", "b");
    const [one, two] = [start(keys, open(shared)), start(keys, open(shared))];
    await one.snapshot();
    await two.snapshot();
    const told: unknown[] = [];
    for (const name of [
      "key-added",
      "key-removed",
      "key-enabled",
      "key-disabled",
      "key-replaced",
      "key-updated",
    ] as const)
      two.on(name, (event) => told.push([name, event]));
    const secret = newSecret();
    one.add({ id: "mine", secret });
    one.disable("a", "too expensive");
    one.update("b", { note: "hello" });
    await one.flushed();
    await settled();
    expect(await listed(two)).toEqual(await listed(one));
    expect((await secretOf(two, "mine")) === secret).toBe(true);
    expect(told).toEqual([
      ["key-disabled", { keyId: "a", reason: "too expensive" }],
      ["key-updated", { keyId: "b", changed: ["note"] }],
      ["key-added", { keyId: "mine" }],
    ]);
    two.enable("a");
    two.remove("b");
    const fresh = newSecret();
    two.replace("mine", fresh);
    await two.flushed();
    await settled();
    expect(await listed(one)).toEqual(await listed(two));
    expect((await secretOf(one, "mine")) === fresh).toBe(true);
    expectNoSecrets(told, [secret, fresh]);
  });

  it("loses nothing when several change keys at once, and gives no number twice", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const keys = named("a", "b", "c");
    const all = [1, 2, 3, 4].map(() => start(keys, open(shared)));
    for (const rotator of all) await rotator.snapshot();
    for (const [place, rotator] of all.entries()) {
      rotator.add({ id: `mine-${place}`, secret: newSecret() });
      rotator.update("a", [{ note: "n" }, { weight: 7 }, { priority: 2 }, { account: "team" }][place] as object);
      if (place === 1) rotator.remove("b");
      if (place === 2) rotator.disable("c", "because");
    }
    await Promise.all(all.map((rotator) => rotator.flushed()));
    await settled();
    const [first, ...others] = await Promise.all(all.map(listed));
    for (const other of others) expect(other).toEqual(first);
    expect(first).toMatchObject([
      { id: "a", note: "n", weight: 7, priority: 2, account: "team" },
      { id: "c", enabled: false, disabledReason: "because" },
      {},
      {},
      {},
      {},
    ]);
    const ordinals = (first as { ordinal: number }[]).map(({ ordinal }) => ordinal);
    expect(ordinals).toEqual([1, 3, 4, 5, 6, 7]);
  });

  it("keeps a key another rotator added while a new list began here", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const keys = named("a", "b");
    const [one, two] = [start(keys, open(shared)), start(keys, open(shared))];
    await one.snapshot();
    await two.snapshot();
    const fresh = newSecret();
    two.add({ id: "theirs", secret: newSecret() });
    one.import([{ id: "mine", secret: fresh }], { mode: "replace" });
    await Promise.all([one.flushed(), two.flushed()]);
    await settled();
    expect(await ids(one)).toEqual(["mine", "theirs"]);
    expect(await listed(two)).toEqual(await listed(one));
  });

  it("begins with a new list after a restart, and keeps the source's other keys out", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const [a, b] = named("a", "b") as [KeyConfig & { secret: string }, KeyConfig];
    const first = start([a, b], open(shared));
    await first.snapshot();
    first.remove("b");
    first.import([newSecret(), a.secret], { mode: "replace" });
    const before = await listed(first);
    await first.close();
    const second = start([a, b], open(shared));
    expect(await listed(second)).toEqual(before);
    expect(before).toHaveLength(2);
  });

  it("makes what was said before the keys were read hold on what is remembered", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const [a, b] = named("a", "b") as [KeyConfig, KeyConfig];
    const first = start([a, b], open(shared));
    await first.snapshot();
    first.update("a", { weight: 3 });
    await first.close();
    const second = start(async () => [a, b] as KeyList, open(shared));
    const id = second.add({ id: "mine", secret: newSecret() });
    second.update("a", { note: "x" });
    second.disable("b");
    expect(await listed(second)).toMatchObject([
      { id: "a", ordinal: 1, weight: 3, note: "x" },
      { id: "b", ordinal: 2, enabled: false },
      { id, ordinal: 3 },
    ]);
    await second.flushed();
    expect(shared.load().records.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3]);
  });
});

describe("KeyManagement and a store that keeps no secrets", () => {
  it("hands it none, whatever operators do", async () => {
    const handed: unknown[] = [];
    const inner = new MemoryKeyStore({ storeSecrets: true });
    const store: KeyStore = {
      storesSecrets: false,
      load: () => inner.load(),
      apply: (changes, version) => {
        handed.push(structuredClone(changes));
        return inner.apply(changes, version);
      },
    };
    const secrets = newSecrets(5) as [string, string, string, string, string];
    const rotator = start([{ id: "a", secret: secrets[0] }], store);
    rotator.import([{ id: "b", secret: secrets[1], query: { key: secrets[1] } }, secrets[2]]);
    rotator.replace("a", secrets[3]);
    rotator.replace("b", secrets[4]);
    rotator.import([secrets[2]], { mode: "replace" });
    await rotator.flushed();
    expect(handed.length).toBeGreaterThan(0);
    expectNoSecrets(handed, secrets);
  });
});

describe("KeyManagement when its store fails", () => {
  function failing() {
    const shared = new MemoryKeyStore();
    const store = new SlowKeyStore(shared);
    const clock = new FakeClock({ monotonic: 1000 });
    const rotator = start(named("a", "b"), store, { clock });
    const told: unknown[] = [];
    rotator.on("internal-error", (event) => told.push(event));
    return { shared, store, clock, rotator, told };
  }

  it("goes on without it, tells, and stores everything when it works again", async () => {
    const { shared, store, clock, rotator, told } = failing();
    await rotator.flushed();
    store.failure = new Error("disk full");
    rotator.disable("a");
    rotator.update("b", { note: "kept" });
    await expect(rotator.flushed()).rejects.toThrow(KeyStoreError);
    await expect(rotator.flushed()).rejects.toMatchObject({ code: "ERR_KEY_STORE", cause: store.failure });
    expect(told).toContainEqual({ part: "keyStore", error: store.failure });
    expect((await rotator.acquire()).keyId).toBe("b");
    store.failure = undefined;
    await clock.advance(60_000);
    await settled();
    expect(shared.load().records).toMatchObject([
      { id: "a", settings: { enabled: false } },
      { id: "b", settings: { note: "kept" } },
    ]);
    await rotator.flushed();
  });

  it("fails requests as long as it is not known which keys operators took out", async () => {
    const { store, rotator, told } = failing();
    store.failure = new Error("unreachable");
    await settled();
    for (let call = 0; call < 3; call++) {
      await expect(Promise.resolve(rotator.acquire())).rejects.toMatchObject({ operation: "read" });
    }
    const error = expect.objectContaining({ code: "ERR_KEY_STORE", cause: store.failure });
    expect(told).toEqual([{ part: "keyStore", error }]);
    store.failure = undefined;
    expect((await rotator.acquire()).keyId).toBe("a");
  });

  it("says at the end when the last changes are not stored", async () => {
    const { store, rotator } = failing();
    await rotator.flushed();
    store.failure = new Error("disk full");
    rotator.disable("a");
    const message = expect.stringContaining("are lost");
    await expect(rotator.close()).rejects.toMatchObject({ code: "ERR_KEY_STORE", cause: store.failure, message });
  });

  it("throws at once what a store that answers at once fails with", () => {
    const store: KeyStore = {
      storesSecrets: false,
      load: () => {
        throw new Error("unreadable");
      },
      apply: (_, version) => ({ applied: true, version }),
    };
    expect(() => start(named("a"), store)).toThrow(KeyStoreError);
  });

  it("stores many changes made at once together", async () => {
    const { store, rotator } = failing();
    await rotator.flushed();
    const before = store.applies;
    for (let count = 0; count < 50; count++) rotator.update("a", { weight: count + 1 });
    await rotator.flushed();
    expect(store.applies - before).toBeLessThanOrEqual(2);
  });

  it.each<[string, unknown]>([
    ["keyStore", { load: () => {} }],
    ["keyStore", "memory"],
    ["keyStore.storesSecrets", { load: () => {}, apply: () => {} }],
    ["keyStore.watch", { load: () => {}, apply: () => {}, storesSecrets: false, watch: 1 }],
  ])("refuses what is no key store: %s", (field, keyStore) => {
    expect(() => start(named("a"), keyStore as KeyStore)).toThrow(expect.objectContaining({ field }));
  });

  it("leaves a key off that a record cannot bring back, and uses the others", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const { version } = shared.load();
    const given = { secret: newSecret(), limits: [{ requests: -1 }] };
    const base = { fingerprint: null, addedBy: "operator", removed: false, batch: null, settings: {} } as const;
    shared.apply({ put: [{ ...base, id: "odd", ordinal: 1, given }], drop: [] }, version);
    const rotator = start(named("a"), shared);
    expect(await listed(rotator)).toMatchObject([
      { id: "odd", enabled: false },
      { id: "a", ordinal: 2 },
    ]);
    expect((await rotator.acquire()).keyId).toBe("a");
  });
});

describe("KeyRotator.recheck", () => {
  it("names the id there is not", async () => {
    const rotator = start(named("a"), undefined);
    portOf(rotator).useProbeSender(() => Promise.reject(new Error("not asked")));
    await expect(rotator.check({ path: "/x" }, { ids: ["nobody"] })).rejects.toMatchObject({ field: "ids[0]" });
    await expect(rotator.check({ path: "/x" }, { ids: "a" as never })).rejects.toMatchObject({ field: "ids" });
    await expect(rotator.check({ path: "/x" }, { id: "a" } as never)).rejects.toMatchObject({ field: "id" });
  });

  it("probes the named keys and no others, and none whose secret is not known", async () => {
    const shared = new MemoryKeyStore();
    const first = start(named("z"), shared, { provider: "openai" });
    first.add({ id: "mine", secret: newSecret() });
    await first.close();
    const rotator = start(named("a", "b", "c"), shared, { provider: "openai" });
    const probed: string[] = [];
    portOf(rotator).useProbeSender((lease) => {
      probed.push(lease.keyId);
      const classification = {
        kind: "none",
        scope: "request",
        sharedBy: "request",
        window: null,
        dimension: null,
        strength: "certain",
      } as const;
      const facts = { retryAfterMs: null, retryable: false, failover: false, disableKey: false };
      return Promise.resolve({ status: 200, message: null, classification: { ...classification, ...facts } });
    });
    const report = await rotator.recheck("b");
    expect([probed, report.total, report.good]).toEqual([["b"], 1, 1]);
    const all = await rotator.recheck();
    expect(all.keys.map(({ id, verdict }) => [id, verdict])).toContainEqual(["mine", "not_probed"]);
    expect(probed).toEqual(["b", "a", "b", "c"]);
  });
});
