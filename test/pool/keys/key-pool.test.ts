import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { readingOf } from "../../../src/judgement/provider-reading.ts";
import { providerNamed } from "../../../src/named/presets.ts";
import { createFingerprint } from "../../../src/pool/keys/fingerprint.ts";
import type { KeyConfig } from "../../../src/pool/keys/key-config.ts";
import { readKeys } from "../../../src/pool/keys/key-list.ts";
import { KeyPool } from "../../../src/pool/keys/key-pool.ts";
import { newSecret } from "../../support/test-keys.ts";

const fingerprintOf = createFingerprint();

/** A pool that counts how many secrets were hashed. */
function makePool(list: readonly (string | KeyConfig)[]) {
  let hashed = 0;
  const fingerprint = (secret: string): string => {
    hashed++;
    return fingerprintOf(secret);
  };
  const generic = readingOf(providerNamed("generic"));
  const terms = { ownProvider: generic, readProvider: () => undefined, limitsOf: () => [] };
  const pool = new KeyPool(terms, { fingerprint, clock: systemClock });
  pool.begin(readKeys(list, fingerprint), 0);
  return { pool, hashed: () => hashed };
}

const secrets = Array.from({ length: 5 }, newSecret);

describe("A pool of secrets", () => {
  test("hashes none of them until somebody asks for an id, and then that one", () => {
    const { pool, hashed } = makePool(secrets);
    expect([...pool.slots()]).toEqual([0, 1, 2, 3, 4]);
    expect(hashed()).toBe(0);
    const key = pool.accountAt(3).only;
    expect(key?.id).toBe(fingerprintOf(secrets[3] as string));
    expect(pool.keys.get(key?.id as string)).toBe(key);
    expect(hashed()).toBe(1);
  });

  test("finds a key by an id that it told nobody", () => {
    const { pool } = makePool(secrets);
    const found = pool.keys.get(fingerprintOf(secrets[4] as string));
    expect(found).toBe(pool.accountAt(4).only);
    expect(pool.accountOf(found?.id as string)).toBe(found?.account);
  });

  test("knows that nobody is called so without a look at the secrets", () => {
    const { pool, hashed } = makePool(secrets);
    expect([pool.keys.get("acme"), pool.accountOf("acme")]).toEqual([undefined, undefined]);
    expect(hashed()).toBe(0);
  });

  test("lists keys in the order they came in, in whatever order they were asked for", () => {
    const { pool } = makePool(secrets);
    for (const slot of [4, 1, 2, 0, 3]) pool.accountAt(slot).only?.id;
    expect([...pool.keys.keys()]).toEqual(secrets.map(fingerprintOf));
    expect([...pool.keys.values()].map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 4, 5]);
  });

  test("keeps the order and the numbers among keys that share an account", () => {
    const [first, second, third, fourth] = secrets as [string, string, string, string];
    const given = (secret: string, id: string): KeyConfig => ({ secret, id, account: "acme" });
    const { pool } = makePool([given(first, "a"), second, given(third, "b"), fourth]);
    expect([...pool.keys.keys()]).toEqual(["a", fingerprintOf(second), "b", fingerprintOf(fourth)]);
    expect([...pool.accounts].map(({ name }) => name)).toEqual(["acme", fingerprintOf(second), fingerprintOf(fourth)]);
    expect(pool.keys.size).toBe(4);
  });

  test("takes keys for one account where it is called like another key, whichever comes first", () => {
    const [first, second] = secrets as [string, string];
    const like = fingerprintOf(first);
    for (const list of [
      [first, { secret: second, account: like }],
      [{ secret: second, account: like }, first],
    ]) {
      const { pool } = makePool(list);
      expect([pool.accountCount, pool.accountOf(like)?.keys.length]).toEqual([1, 2]);
    }
  });

  test("goes on with what is left of it when a key leaves and another one comes", () => {
    const { pool } = makePool(secrets);
    const leaving = pool.keys.get(fingerprintOf(secrets[1] as string));
    if (leaving === undefined) throw new Error("There is no such key");
    pool.remove(leaving);
    const added = newSecret();
    const [config] = readKeys([{ secret: added, id: "late" }], fingerprintOf);
    const late = pool.add(config as Exclude<typeof config, string | undefined>);
    expect([...pool.keys.keys()].at(-1)).toBe("late");
    expect([pool.accountCount, late.ordinal, pool.accountOf("late")]).toEqual([5, 6, late.account]);
    expect([...pool.slots()].map((slot) => pool.accountAt(slot).only?.ordinal)).toEqual([1, 3, 4, 5, 6]);
  });

  test("refuses an id that is the hash of another key's secret, whichever comes first", () => {
    const [first, second] = secrets as [string, string];
    const like = { secret: second, id: fingerprintOf(first) };
    expect(() => makePool([first, like])).toThrow(/unique/);
    expect(() => makePool([like, first])).toThrow(/unique/);
  });
});
