import { randomBytes, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { InvalidOptionsError, KeyStoreError } from "rotating-fetch";
import { RedisKeyStore, type RedisKeyStoreOptions } from "rotating-fetch/redis";
import { expectNoSecrets } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { KeyRecord } from "../../src/pool/keys/key-store.ts";
import { ioredisOf } from "./support/clients.ts";
import { KeyStoreWorld, newSecret, persist, put, recordOf } from "./support/key-stores.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { until } from "./support/shared-limits.ts";

const field = (id: string): string => `k:${id}`;

let server: RedisProcess;
let redis: Redis;
let world: KeyStoreWorld;
let encryptionKey: Uint8Array;

beforeAll(async () => {
  server = await RedisProcess.start();
  redis = new Redis({ port: server.port, host: "127.0.0.1" });
});
beforeEach(() => {
  world = new KeyStoreWorld(() => ioredisOf(server));
  encryptionKey = randomBytes(32);
});
afterEach(() => world.end());
afterAll(async () => {
  redis.disconnect();
  await server.end();
});

const hash = (pool = world.pool): string => `{rf:${pool}}keys1`;

async function stored(id: string): Promise<Record<string, unknown>> {
  return JSON.parse((await redis.hget(hash(), field(id))) ?? "{}");
}

async function tamper(id: string, change: Record<string, unknown>): Promise<void> {
  await redis.hset(hash(), field(id), JSON.stringify({ ...(await stored(id)), ...change }));
}

async function sealed(id: string): Promise<string> {
  return String((await stored(id))["sealed"]);
}

/** What reading the records with a store that did not write them fails with. */
async function refusal(options: Partial<RedisKeyStoreOptions> = { encryptionKey }): Promise<KeyStoreError> {
  const store = await world.store(options);
  const error: unknown = await store.load().catch((each: unknown) => each);
  if (!KeyStoreError.isInstance(error)) throw new Error("The records were read");
  expect(error.code).toBe("ERR_KEY_STORE");
  expect(error.message).toContain(JSON.stringify(world.pool));
  return error;
}

/** All that is said to the server from now on, up to the moment somebody asks for it. */
async function monitor(): Promise<{ heard: () => Promise<string>; end: () => void }> {
  let heard = "";
  const socket = connect(server.port, "127.0.0.1");
  socket.on("data", (data) => {
    heard += data.toString();
  });
  socket.write("MONITOR\r\n");
  await until(() => heard.startsWith("+OK"));
  const upToNow = async (): Promise<string> => {
    const mark = randomUUID();
    await redis.echo(mark);
    await until(() => heard.includes(mark));
    return heard;
  };
  return { heard: upToNow, end: () => socket.destroy() };
}

/** The whole keyspace: as it is dumped, and as it is read. */
async function keyspace(): Promise<string[]> {
  const names = await redis.keys("*");
  const parts = names.map(async (name) => [
    name,
    String(await redis.dumpBuffer(name)),
    JSON.stringify(await redis.hgetall(name)),
  ]);
  return (await Promise.all(parts)).flat();
}

describe("RedisKeyStore without an encryption key", () => {
  it("has no secret leave the process, whatever operators give", async () => {
    const secrets = [newSecret(), newSecret(), newSecret()] as const;
    const { heard, end } = await monitor();
    const rotator = await world.rotator([{ id: "listed", secret: secrets[0] }]);
    rotator.add({ id: "added", secret: secrets[1], headers: { "x-extra": secrets[2] } });
    rotator.replace("listed", secrets[2]);
    await rotator.flushed();
    const { records } = await (await world.store()).load();
    expect(records.map(({ id }) => id).sort()).toEqual(["added", "listed"]);
    expect(records.filter(({ given }) => given !== undefined)).toEqual([]);
    expect(await heard()).toContain("k:added");
    expectNoSecrets([await heard(), await keyspace(), records], secrets);
    end();
  });

  it("refuses records that hold secrets, so that nobody's changes lose them", async () => {
    await persist(await world.store({ encryptionKey }), put(recordOf("a", newSecret())));
    const { message } = await refusal({});
    expect(message).toContain('"a"');
    expect(message).toContain("`encryptionKey` is not set");
  });
});

describe("RedisKeyStore with an encryption key", () => {
  it("has secrets leave the process only encrypted", async () => {
    const secrets = [newSecret(), newSecret(), newSecret()] as const;
    const { heard, end } = await monitor();
    const rotator = await world.rotator([{ id: "listed", secret: newSecret() }], { encryptionKey });
    rotator.add({
      id: "added",
      secret: secrets[0],
      headers: { "x-extra": secrets[1] },
      query: { extra: secrets[2] },
      note: "readable",
    });
    rotator.replace("listed", secrets[1]);
    await rotator.flushed();
    const said = [await heard(), await keyspace()];
    expect(said[0]).toContain("EVALSHA");
    expect(said[0]).toContain("readable");
    expectNoSecrets(said, [...secrets, Buffer.from(encryptionKey).toString("base64")]);
    const again = await (await world.store({ encryptionKey })).load();
    const added = again.records.find(({ id }) => id === "added");
    expect(added?.given?.secret === secrets[0] && added.given.headers?.["x-extra"] === secrets[1]).toBe(true);
    end();
  });

  it("shows neither its key nor what it keeps when it is printed", async () => {
    const secret = newSecret();
    const text = Buffer.from(encryptionKey).toString("base64");
    const store = await world.store({ encryptionKey: text });
    await persist(store, put(recordOf("a", secret)));
    expectNoSecrets([inspect(store, { depth: null, showHidden: true }), JSON.stringify(store)], [secret, text]);
  });

  it("takes the same key as bytes, as base64 and base64url, and as a CryptoKey", async () => {
    const record = recordOf("a", newSecret());
    const bytes = Uint8Array.from(encryptionKey);
    await persist(await world.store({ encryptionKey: bytes }), put(record));
    const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    const buffer = Buffer.from(bytes);
    for (const same of [buffer, buffer.toString("base64"), buffer.toString("base64url"), key]) {
      expect((await (await world.store({ encryptionKey: same })).load()).records).toEqual([record]);
    }
  });

  it("begins each encrypted part with its version and the key's name, and never writes the same twice", async () => {
    const record = recordOf("a", newSecret());
    const store = await world.store({ encryptionKey });
    const parts: Buffer[] = [];
    for (let count = 0; count < 20; count++) {
      await persist(store, put(record));
      parts.push(Buffer.from(await sealed("a"), "base64"));
    }
    expect(new Set(parts.map((part) => part.subarray(0, 5).toString("hex"))).size).toBe(1);
    expect(parts[0]?.[0]).toBe(1);
    expect(new Set(parts.map((part) => part.subarray(5, 17).toString("hex"))).size).toBe(20);
    expect(new Set(parts.map((part) => part.subarray(17).toString("hex"))).size).toBe(20);
  });

  it("fails with the names of both keys where it has another one", async () => {
    const secret = newSecret();
    await persist(await world.store({ encryptionKey }), put(recordOf("a", secret)));
    const other = randomBytes(32);
    const error = await refusal({ encryptionKey: other });
    expect(error.message).toMatch(
      /^The record of key "a" in the pool ".*" was encrypted with another key \([0-9a-f]{8}\) than .*\([0-9a-f]{8}\)\.$/,
    );
    expectNoSecrets(error, [secret, Buffer.from(encryptionKey).toString("hex"), other.toString("hex")]);
  });

  it("refuses an encrypted part that belongs to another key or another pool", async () => {
    const records: KeyRecord[] = [recordOf("a", newSecret()), { ...recordOf("b", newSecret()), ordinal: 2 }];
    await persist(await world.store({ encryptionKey }), { put: records, drop: [] });
    const [ofA, ofB] = [await sealed("a"), await sealed("b")];
    await tamper("a", { sealed: ofB });
    await tamper("b", { sealed: ofA });
    const swapped = await refusal();
    expect(swapped.message).toContain("belongs to another key or pool");
    expect((swapped.cause as Error).name).toBe("OperationError");

    await tamper("a", { sealed: ofA });
    await tamper("b", { sealed: ofB });
    for (const place of [{ pool: `${world.pool}2` }, { prefix: "other" }]) {
      const elsewhere = await world.store({ encryptionKey, ...place });
      const name = `{${place.prefix ?? "rf"}:${place.pool ?? world.pool}}keys1`;
      await redis.hset(name, await redis.hgetall(hash()));
      await expect(elsewhere.load()).rejects.toThrow("belongs to another key or pool");
    }
    const { records: again } = await (await world.store({ encryptionKey })).load();
    expect(again).toHaveLength(2);
    expect(again).toEqual(expect.arrayContaining(records));
  });

  it("refuses a record under another's name, with a secret or without", async () => {
    const store = await world.store({ encryptionKey });
    for (const record of [recordOf("a", newSecret()), recordOf("a")]) {
      await persist(store, put(record));
      await redis.hset(hash(), field("b"), (await redis.hget(hash(), field("a"))) as string);
      expect((await refusal()).message).toMatch(/key "b" in the pool .* that of another key/);
      await redis.hdel(hash(), field("b"));
    }
  });

  it("refuses an encrypted part that was changed in any byte, cut short, or of a later version", async () => {
    await persist(await world.store({ encryptionKey }), put(recordOf("a", newSecret())));
    const whole = Buffer.from(await sealed("a"), "base64");
    for (let place = 0; place < whole.length; place++) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(whole.readUInt8(place) ^ 1, place);
      await tamper("a", { sealed: changed.toString("base64") });
      expect((await refusal()).message).toContain('key "a"');
    }
    for (const length of [1, 5, 17, 32, whole.length - 1]) {
      await tamper("a", { sealed: whole.subarray(0, length).toString("base64") });
      const { message } = await refusal();
      expect(message).toContain('key "a"');
      expect(message).toContain(length < 33 ? "is not whole" : "does not fit it");
    }
    await tamper("a", { sealed: Buffer.concat([Buffer.from([2]), whole.subarray(1)]).toString("base64") });
    expect((await refusal()).message).toContain("later version");
    await tamper("a", { sealed: "no base64 !" });
    expect((await refusal()).message).toContain("no base64");
  });

  it("refuses records that are none, and credentials nobody encrypted, and repeats nothing of them", async () => {
    const secret = newSecret();
    const changes = [
      { weight: -1 },
      { given: { secret } },
      { ordinal: 0 },
      { settings: { weight: "heavy" } },
      { settings: { [secret]: 1 } },
      { fingerprint: 7 },
      { addedBy: secret },
    ];
    await persist(await world.store({ encryptionKey }), put(recordOf("a")));
    const good = (await redis.hget(hash(), field("a"))) as string;
    for (const change of changes) {
      await tamper("a", change);
      const error = await refusal();
      expect(error.message).toContain('The record of key "a"');
      expect(error.message).toContain("is damaged");
      expectNoSecrets(error, [secret]);
      await redis.hset(hash(), field("a"), good);
    }
    await redis.hset(hash(), field("a"), `{"secret":"${secret}"`);
    expectNoSecrets(await refusal(), [secret]);
  });

  it("decrypts with every key of a list, encrypts with the first, and can leave the others behind", async () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const records = [recordOf("a", newSecret()), { ...recordOf("b"), ordinal: 2 }];
    await persist(await world.store({ encryptionKey: older }), { put: records, drop: [] });
    const both = await world.store({ encryptionKey: [newer, older] });
    expect((await both.load()).records).toEqual(expect.arrayContaining(records));
    await persist(both, put({ ...recordOf("c", newSecret()), ordinal: 3 }));
    expect((await refusal({ encryptionKey: older })).message).toContain('"c"');
    expect((await refusal({ encryptionKey: newer })).message).toContain('"a"');

    expect(await both.reencrypt()).toBe(1);
    expect(await both.reencrypt()).toBe(0);
    const { records: again } = await (await world.store({ encryptionKey: newer })).load();
    expect(again).toEqual(expect.arrayContaining(records));
    expect(again).toHaveLength(3);
  });
});

describe("RedisKeyStoreOptions", () => {
  const client = (): Promise<never> => Promise.reject(new Error("nobody is asked"));

  function fieldOf(options: Partial<Record<keyof RedisKeyStoreOptions | "encryptionkey", unknown>>): [string, string] {
    try {
      new RedisKeyStore({ client, pool: "mine", ...options } as RedisKeyStoreOptions);
    } catch (error) {
      if (InvalidOptionsError.isInstance(error)) return [error.field, error.message];
      throw error;
    }
    throw new Error("The options were taken");
  }

  it("names the option that cannot work", () => {
    expect(fieldOf({ pool: "" })[0]).toBe("pool");
    expect(fieldOf({ pool: "a}b" })[0]).toBe("pool");
    expect(fieldOf({ prefix: "{" })[0]).toBe("prefix");
    expect(fieldOf({ client: 7 })[0]).toBe("client");
    expect(fieldOf({ commandTimeoutMs: 0 })[0]).toBe("commandTimeoutMs");
    for (const pollMs of [0, Number.NaN, "1"]) expect(fieldOf({ pollMs })[0]).toBe("pollMs");
    expect(fieldOf({ encryptionkey: "x" })[1]).toContain("got `encryptionkey`");
  });

  it("does not take an encryption key whose variable is not set for none", () => {
    const [field, message] = fieldOf({ encryptionKey: undefined });
    expect(field).toBe("encryptionKey");
    expect(message).toContain("got undefined: is its variable set?");
  });

  it("repeats nothing of an encryption key that is none", async () => {
    const hex = randomBytes(32).toString("hex");
    const short = randomBytes(16);
    const algorithm = { name: "AES-GCM", length: 128 };
    const small = await crypto.subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
    const oneWay = await crypto.subtle.generateKey({ ...algorithm, length: 256 }, true, ["decrypt"]);
    const wrong = [hex, short, short.toString("base64"), `${hex}!`, "", null, 7, {}, small, oneWay];
    for (const each of wrong) {
      const [field, message] = fieldOf({ encryptionKey: each });
      expect(field).toBe("encryptionKey");
      expectNoSecrets(message, [hex, short.toString("base64")]);
      const good = randomBytes(32);
      expect(fieldOf({ encryptionKey: [good, each] })[0]).toBe("encryptionKey[1]");
    }
    expect(fieldOf({ encryptionKey: [] })[0]).toBe("encryptionKey");
  });

  it("says what to do with a key that was written as hex, which is base64 of something else", () => {
    const hex = randomBytes(32).toString("hex");
    for (const text of [hex, hex.toUpperCase(), `${hex}\n`]) {
      const [field, message] = fieldOf({ encryptionKey: text });
      expect(field).toBe("encryptionKey");
      expect(message).toContain("the base64 text of 32 bytes");
      expect(message).toContain('64 hex digits: pass `Buffer.from(text, "hex")`');
      expectNoSecrets(message, [hex, hex.toUpperCase()]);
    }
  });
});
