import type { KeyChanges, KeyRecord, KeyStore } from "../pool/keys/key-store.ts";
import type { Awaitable } from "../types.ts";
import { check, checkEqual } from "./contract/assertions.ts";
import type { TestRunner } from "./contract/test-runner.ts";
import { nextMacrotask } from "./next-macrotask.ts";

export interface KeyStoreUnderTest {
  /** Empty: no records. Closed after the test if it can be. */
  readonly store: KeyStore;
  /** Ends the store, and gives one that has what it had. @default the store does not outlive its process */
  readonly reopen?: (() => Awaitable<KeyStore>) | undefined;
}

export type KeyStoreMaker = () => Awaitable<KeyStoreUnderTest>;

const source: KeyRecord = {
  id: "first",
  fingerprint: "0123456789abcdef",
  ordinal: 1,
  addedBy: "source",
  removed: false,
  batch: null,
  settings: {},
};

const full: KeyRecord = {
  id: "second key|with: signs",
  fingerprint: null,
  ordinal: 7,
  addedBy: "operator",
  removed: false,
  batch: "batch_1700000000",
  settings: {
    enabled: false,
    disabledReason: 'too "expensive"\n',
    weight: 0.5,
    priority: -2,
    account: null,
    note: "für später ✓",
    models: ["a-*", "b"],
  },
  replaces: null,
};

const gone: KeyRecord = { ...source, id: "gone", ordinal: null, removed: true };

const withCredential = (secret: string): KeyRecord => ({
  ...full,
  id: "third",
  ordinal: 8,
  given: {
    secret,
    baseURL: "https://example.com/v1",
    headers: { "x-organization": "org" },
    query: { region: "eu" },
    limits: [{ id: "rpm", requests: 5, per: "minute" }],
  },
});

const put = (...records: readonly KeyRecord[]): KeyChanges => ({ put: records, drop: [] });

/**
 * Registers the tests that every key store has to pass, with the test runner's own `describe` and `it`. Each test asks `makeStore`
 * for an empty store; what fails throws and says what was expected.
 *
 * @example
 * describe("MyKeyStore", () => {
 *   keyStoreContract({ describe, it }, () => ({ store: new MyKeyStore() }));
 * });
 */
export function keyStoreContract(runner: TestRunner, makeStore: KeyStoreMaker): void {
  const test = (name: string, body: (under: KeyStoreUnderTest) => Promise<void>): void => {
    runner.it(name, async () => {
      const under = await makeStore();
      try {
        await body(under);
      } finally {
        await under.store.close?.();
      }
    });
  };
  runner.describe("keeping", () => keepingContract(test));
  runner.describe("versions", () => versionContract(test));
  runner.describe("watching", () => watchingContract(test));
  runner.describe("claiming", () => claimingContract(test));
}

type Test = (name: string, body: (under: KeyStoreUnderTest) => Promise<void>) => void;

function keepingContract(test: Test): void {
  test("is empty at first", async ({ store }) => {
    checkEqual((await store.load()).records, [], "the records of a new store");
  });

  test("gives back what was put, exactly", async ({ store }) => {
    await applied(store, put(source, full, gone));
    await expectRecords(store, [source, full, gone]);
  });

  test("has a record take the place of the one with its id", async ({ store }) => {
    await applied(store, put(full, source));
    const later: KeyRecord = { ...full, settings: { note: "later" } };
    await applied(store, put(later));
    await expectRecords(store, [later, source]);
  });

  test("forgets what is dropped, and minds no id it does not have", async ({ store }) => {
    await applied(store, put(source, full));
    await applied(store, { put: [gone], drop: [full.id, "nobody"] });
    await expectRecords(store, [source, gone]);
  });

  test("keeps what it was given, not what becomes of it at its owner's", async ({ store }) => {
    const mine = structuredClone(full) as { settings: { note: string; models: string[] } } & KeyRecord;
    await applied(store, put(mine));
    mine.settings.note = "changed";
    mine.settings.models.push("changed");
    await expectRecords(store, [full]);
  });

  test("keeps secrets if it says so, and otherwise nothing of them", async ({ store }) => {
    const secret = `test-${crypto.randomUUID()}`;
    const record = withCredential(secret);
    const { given: _, ...rest } = record;
    await applied(store, put(record));
    await expectRecords(store, [store.storesSecrets ? record : rest]);
  });

  test("has everything again after it ended, if it outlives its process", async ({ store, reopen }) => {
    if (reopen === undefined) return;
    await applied(store, put(source, full, gone));
    await applied(store, { put: [], drop: [source.id] });
    const again = await reopen();
    try {
      await expectRecords(again, [full, gone]);
      await applied(again, put(source));
      await expectRecords(again, [full, gone, source]);
    } finally {
      await again.close?.();
    }
  });
}

function versionContract(test: Test): void {
  test("has another version after every change, which load tells", async ({ store }) => {
    const versions = [(await store.load()).version];
    for (const record of [source, full, source]) {
      versions.push(await applied(store, put(record)));
      checkEqual((await store.load()).version, versions.at(-1), "the version after a change");
    }
    checkEqual(new Set(versions).size, versions.length, "how many different versions there were");
  });

  test("changes nothing when the records are at another version, and tells which", async ({ store }) => {
    const { version: before } = await store.load();
    const now = await applied(store, put(source));
    const answer = await store.apply({ put: [full], drop: [source.id] }, before);
    checkEqual(answer, { applied: false, version: now }, "the answer to a change of an old version");
    await expectRecords(store, [source]);
  });

  test("makes one of several changes that expect the same version", async ({ store }) => {
    const { version } = await store.load();
    const ids = ["a", "b", "c", "d", "e"];
    const answers = await Promise.all(
      ids.map((id, place) => store.apply(put({ ...source, id, ordinal: place + 1 }), version)),
    );
    checkEqual(answers.filter((answer) => answer.applied).length, 1, "how many of the changes were made");
    const { records } = await store.load();
    checkEqual(records.length, 1, "how many records there are");
    const winner = answers.findIndex((answer) => answer.applied);
    checkEqual(records[0]?.id, ids[winner], "whose record there is");
  });
}

function watchingContract(test: Test): void {
  test("tells of every change, until nobody wants to hear it", async ({ store }) => {
    if (store.watch === undefined) return;
    const told: string[] = [];
    const stop = store.watch((version) => told.push(version));
    const versions = [await applied(store, put(source)), await applied(store, put(full))];
    await nextMacrotask();
    checkEqual(told, versions, "the versions that were told");
    await store.apply(put(gone), "a version that never was");
    stop();
    await applied(store, put(gone));
    await nextMacrotask();
    checkEqual(told, versions, "what was told after a change that was not made, and after listening ended");
  });

  test("makes a change although a listener throws, and tells the others", async ({ store }) => {
    if (store.watch === undefined) return;
    const told: string[] = [];
    store.watch(() => {
      throw new Error("a listener's own mistake");
    });
    store.watch((version) => told.push(version));
    const version = await applied(store, put(source));
    await nextMacrotask();
    checkEqual(told, [version], "what the other listener was told");
  });
}

const [one, other] = ['"openai"', '"generic" at https://api.example.com, https://b.example.com:8443'] as const;

/** Optional: of a store that cannot be claimed nothing is asked. */
function claimingContract(test: Test): void {
  test("belongs to whoever claims it first, and tells others who that is", async ({ store }) => {
    if (store.claim === undefined) return;
    for (const owner of [other, one, other]) checkEqual(await store.claim(owner), other, "the owner after a claim");
    checkEqual((await store.load()).records, [], "the records of a store that was only claimed");
  });

  test("has one owner where several claim it at once", async ({ store }) => {
    if (store.claim === undefined) return;
    const owners = await Promise.all([one, other, one, other].map((owner) => store.claim?.(owner)));
    check(owners[0] === one || owners[0] === other, "the owner to be one of those who claimed");
    checkEqual(new Set(owners).size, 1, "how many owners several claims at once made");
  });

  test("can be claimed when it has records already, and keeps them", async ({ store }) => {
    if (store.claim === undefined) return;
    await applied(store, put(source, full));
    checkEqual(await store.claim(one), one, "the owner of records that had none");
    await applied(store, put(gone));
    await expectRecords(store, [source, full, gone]);
    await applied(store, { put: [], drop: [source.id, full.id, gone.id] });
    checkEqual(await store.claim(other), one, "the owner after all records were dropped");
  });

  test("has its owner again after it ended, if it outlives its process", async ({ store, reopen }) => {
    if (store.claim === undefined || reopen === undefined) return;
    await applied(store, put(source));
    await store.claim(one);
    const again = await reopen();
    try {
      checkEqual(await again.claim?.(other), one, "the owner after the store ended");
      await applied(again, put(full));
    } finally {
      await again.close?.();
    }
  });

  test("keeps the owner that the first of the records was written with", async ({ store, reopen }) => {
    if (store.claim === undefined || reopen === undefined) return;
    await store.claim(other);
    await applied(store, put(source));
    const again = await reopen();
    try {
      checkEqual(await again.claim?.(one), other, "the owner after the store ended");
    } finally {
      await again.close?.();
    }
  });
}

async function applied(store: KeyStore, changes: KeyChanges): Promise<string> {
  const { version: before } = await store.load();
  const { applied: isMade, version } = await store.apply(changes, before);
  check(isMade, "a change of the present version to be made");
  return version;
}

async function expectRecords(store: KeyStore, expected: readonly KeyRecord[]): Promise<void> {
  const { records } = await store.load();
  checkEqual(records.length, expected.length, "how many records there are");
  for (const record of expected) {
    const found = records.find(({ id }) => id === record.id);
    checkEqual(sorted(found), sorted(record), `the record \`${record.id}\``);
  }
}

/** With its names in order: a store need not keep that. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    entries.map(([name, part]) => [name, sorted(part)] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
