import type { Redis } from "ioredis";
import { type KeyRotator, KeyStoreError, type RotatorEvents } from "rotating-fetch";
import { RedisKeyStore, type RedisKeyStoreOptions, type SendCommand } from "rotating-fetch/redis";
import { FakeClock } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/types.ts";
import { functionOf, ioredisOf, nodeRedisOf } from "./support/clients.ts";
import { KeyStoreWorld, newSecret, persist, put, recordOf } from "./support/key-stores.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { until } from "./support/shared-limits.ts";

let server: RedisProcess;
let world: KeyStoreWorld;

beforeAll(async () => {
  server = await RedisProcess.start();
});
beforeEach(() => {
  world = new KeyStoreWorld(() => ioredisOf(server));
});
afterEach(() => world.end());
afterAll(() => server.end());

/** The next event of that name, whose details fit. */
function event<Name extends keyof RotatorEvents>(
  rotator: KeyRotator,
  name: Name,
  fits: Partial<RotatorEvents[Name]>,
): Promise<RotatorEvents[Name]> {
  return new Promise((resolve) => {
    rotator.on(name, (details) => {
      if (Object.entries(fits).every(([field, value]) => details[field as keyof typeof details] === value)) {
        resolve(details);
      }
    });
  });
}

const hashOf = ({ pool }: KeyStoreWorld): string => `{rf:${pool}}keys1`;

function bound(clock: Clock): Clock {
  return {
    wall: () => clock.wall(),
    monotonic: () => clock.monotonic(),
    timer: (callback, delayMs) => clock.timer(callback, delayMs),
  };
}

async function keyOf(rotator: KeyRotator, id: string) {
  return (await rotator.snapshot()).keys.find((key) => key.id === id);
}

describe("RedisKeyStore between processes", () => {
  const clients = [
    ["ioredis", () => ioredisOf(server), {}],
    ["node-redis", () => nodeRedisOf(server), {}],
    ["a function that cannot listen", () => functionOf(server), { pollMs: 20 }],
  ] as const;
  for (const [name, open, options] of clients) {
    it(`has a key that one imports, switches off, rewrites and removes be so for the other, through ${name}`, async () => {
      world = new KeyStoreWorld(open);
      const secrets = [newSecret(), newSecret()];
      const one = await world.rotator([{ id: "listed", secret: secrets[0] as string }], options);
      const other = await world.rotator([{ id: "listed", secret: secrets[0] as string }], options);

      const added = event(other, "key-added", { keyId: "imported" });
      one.import([{ id: "imported", secret: secrets[1] as string }]);
      await added;
      // Nobody keeps its secret: it stands in the other's list, and serves nobody there.
      expect(await keyOf(other, "imported")).toMatchObject({ enabled: false });

      const disabled = event(other, "key-disabled", { keyId: "listed" });
      one.disable("listed", "too expensive");
      expect(await disabled).toMatchObject({ reason: "too expensive" });

      const updated = event(other, "key-updated", { keyId: "listed" });
      one.update("listed", { note: "renamed" });
      expect((await updated).changed).toEqual(["note"]);

      const removed = event(one, "key-removed", { keyId: "imported" });
      expect(other.remove("imported")).toBe(true);
      await removed;
    });
  }

  it("serves a key with the secret that an operator gave to another process, with an encryption key", async () => {
    const encryptionKey = crypto.getRandomValues(new Uint8Array(32));
    const secret = newSecret();
    const one = await world.rotator([], { encryptionKey });
    const other = await world.rotator([], { encryptionKey });
    const added = event(other, "key-added", { keyId: "imported" });
    one.add({ id: "imported", secret });
    await added;
    const lease = await other.acquire();
    expect(lease.secret === secret).toBe(true);
    lease.settle({ outcome: "success" });
  });

  it("loses nothing of what eight begin with and change at once", async () => {
    const ids = Array.from({ length: 8 }, (_, place) => `key-${place}`);
    const rotators = await Promise.all(ids.map((id) => world.rotator([{ id, secret: newSecret() }])));
    for (const [place, rotator] of rotators.entries()) {
      rotator.update(ids[place] as string, { note: `note of ${place}` });
      rotator.add({ id: `added-${place}`, secret: newSecret() });
    }
    await Promise.all(rotators.map((rotator) => rotator.flushed()));
    const { records } = await (await world.store()).load();
    const notes = Object.fromEntries(records.map(({ id, settings }) => [id, settings.note]));
    for (const [place, id] of ids.entries()) {
      expect(notes[id]).toBe(`note of ${place}`);
      expect(notes).toHaveProperty(`added-${place}`);
    }
    expect(new Set(records.map(({ ordinal }) => ordinal)).size).toBe(16);
  });

  it("makes each of a hundred changes once that eight appliers race for", async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => world.store()));
    const told = world.watch(stores[0] as RedisKeyStore);
    const versions = await Promise.all(
      Array.from({ length: 104 }, (_, change) =>
        persist(stores[change % 8] as RedisKeyStore, put({ ...recordOf(`key-${change}`), ordinal: change + 1 })),
      ),
    );
    const { records, version } = await (await world.store()).load();
    expect(records).toHaveLength(104);
    expect(new Set(versions).size).toBe(104);
    await until(() => told.at(-1) === version);
    expect(told.length).toBe(new Set(told).size);
  });

  it("keeps pools and prefixes apart", async () => {
    await persist(await world.store(), put(recordOf("mine")));
    const others = [await world.store({ pool: `${world.pool}2` }), await world.store({ prefix: "other" })];
    for (const other of others) expect((await other.load()).records).toEqual([]);
  });

  it("keeps all of it in one Redis key that does not expire", async () => {
    await persist(await world.store(), put(recordOf("a"), recordOf("version"), recordOf("k:a")));
    const name = `{rf:${world.pool}}keys1`;
    expect(await server.command("KEYS", `*${world.pool}*`)).toBe(`*1\r\n$${name.length}\r\n${name}\r\n`);
    expect(await server.command("TTL", name)).toBe(":-1\r\n");
    const { records } = await (await world.store()).load();
    expect(records.map(({ id }) => id).sort()).toEqual(["a", "k:a", "version"]);
  });
});

describe("RedisKeyStore.watch", () => {
  it("tells of what others change at once, without being asked", async () => {
    const clock = new FakeClock();
    const [one, other] = [await world.store({ clock }), await world.store()];
    await one.load();
    const told = world.watch(one);
    // Changes before it listens are found, those after it are heard of.
    const first = await persist(other, put(recordOf("a")));
    await until(() => told.includes(first));
    const second = await persist(other, put(recordOf("b")));
    await until(() => told.includes(second));
    expect(told).toEqual([first, second]);
  });

  it("asks after two seconds, or up to a fifth earlier or later, where the client cannot listen", async () => {
    world = new KeyStoreWorld(() => functionOf(server));
    const clock = new FakeClock();
    const [one, other] = [await world.store({ clock, random: () => 0 }), await world.store()];
    await one.load();
    const told = world.watch(one);
    const version = await persist(other, put(recordOf("a")));
    await clock.advance(1599);
    expect(told).toEqual([]);
    await clock.advance(1);
    await until(() => told.length > 0);
    expect(told).toEqual([version]);
  });

  it("does not take the answer to a question from before a change for a later state", async () => {
    const { client, end } = functionOf(server);
    const late: (() => void)[] = [];
    const slow: SendCommand = async (words) => {
      const reply = await (client as SendCommand)(words);
      if (words[0] === "HGET") await new Promise<void>((resolve) => late.push(resolve));
      return reply;
    };
    world = new KeyStoreWorld(() => ({ client: slow, end }));
    const clock = new FakeClock();
    const one = await world.store({ clock });
    await one.load();
    const told = world.watch(one);
    await clock.advance(2400);
    await until(() => late.length === 1);
    const version = await persist(one, put(recordOf("a")));
    late[0]?.();
    // It asks again when it has its answer.
    await until(async () => {
      await clock.advance(2400);
      return late.length === 2;
    });
    expect(told).toEqual([version]);
  });

  it("stops asking when nobody watches any more, and does not begin where timers end with a request", async () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const client: SendCommand = async ([name = ""]) => {
      asked.push(name);
      return null;
    };
    const stop = new RedisKeyStore({ client, pool: "mine", clock }).watch(() => {});
    await clock.advance(10_000);
    expect(asked.length).toBeGreaterThan(2);
    stop();
    asked.length = 0;
    const passing: Clock = { ...bound(clock), timersEndWithRequest: true };
    const stopPassing = new RedisKeyStore({ client, pool: "mine", clock: passing }).watch(() => {});
    await clock.advance(10_000);
    expect(asked).toEqual([]);
    stopPassing();
  });

  it("goes on asking where listening is refused, and after failures", async () => {
    await server.command("ACL", "SETUSER", "deaf", "on", "nopass", "~*", "&*", "+@all", "-subscribe", "-publish");
    const { client, end } = ioredisOf(server);
    const fails = { left: 0 };
    const asked = client as Redis;
    const refusing = {
      call: async (...words: string[]) => {
        if (words[0] === "HGET" && fails.left-- > 0) throw new Error("not now");
        const [name = "", ...args] = words;
        return asked.call(name, ...args);
      },
      duplicate: () => ({ on: () => {}, subscribe: () => Promise.reject(new Error("NOPERM")), disconnect: () => {} }),
    };
    await asked.auth("deaf", "");
    try {
      const one = new RedisKeyStore({ client: refusing, pool: world.pool, pollMs: 5 });
      const other = await world.store();
      await one.load();
      const told = world.watch(one);
      fails.left = 3;
      const version = await persist(other, put(recordOf("a")));
      await until(() => told.includes(version));
      // Who may not publish changes the records all the same.
      const own = await persist(one, put(recordOf("b")));
      expect((await other.load()).version).toBe(own);
    } finally {
      await world.end();
      end();
      await server.command("ACL", "DELUSER", "deaf");
    }
  });
});

describe("RedisKeyStore without its server", () => {
  it("fails in time with a KeyStoreError that names the pool, and has a cause", async () => {
    const client: SendCommand = () => new Promise(() => {});
    const store = new RedisKeyStore({ client, pool: "mine", commandTimeoutMs: 20 });
    for (const failing of [store.load(), store.apply(put(recordOf("a")), "none")]) {
      const error: unknown = await failing.catch((each: unknown) => each);
      expect(KeyStoreError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ code: "ERR_KEY_STORE", cause: { name: "CommandTimeoutError" } });
      expect((error as Error).message).toMatch(/^The key records of the pool "mine" could not be .* in time\.$/);
    }
  });

  it("knows its own change again where a client sent it twice", async () => {
    const { client, end } = functionOf(server);
    const send = client as SendCommand;
    const twice: SendCommand = async (args) => {
      await send(args).catch(() => {});
      return send(args);
    };
    const store = new RedisKeyStore({ client: twice, pool: world.pool });
    const { version } = await store.load();
    expect(await store.apply(put(recordOf("a")), version)).toMatchObject({ applied: true });
    end();
  });

  it("sends its scripts again to a server that forgot them", async () => {
    const store = await world.store();
    await persist(store, put(recordOf("a")));
    await server.command("SCRIPT", "FLUSH");
    await persist(store, put(recordOf("b")));
    expect((await store.load()).records).toHaveLength(2);
  });

  it("tells a server that lost everything what it knew, and nothing is lost", async () => {
    const own = await RedisProcess.start();
    world = new KeyStoreWorld(() => ioredisOf(own));
    const options: Partial<RedisKeyStoreOptions> = {
      pollMs: 20,
      encryptionKey: crypto.getRandomValues(new Uint8Array(32)),
    };
    const secret = newSecret();
    const one = await world.rotator([{ id: "listed", secret: newSecret() }], options);
    one.add({ id: "imported", secret });
    one.disable("listed");
    await one.flushed();
    await own.restart();
    const other = await world.store(options);
    await until(async () => (await other.load()).records.length === 2);
    const { records } = await other.load();
    expect(records.find(({ id }) => id === "listed")?.settings.enabled).toBe(false);
    expect(records.find(({ id }) => id === "imported")?.given?.secret === secret).toBe(true);
    const updated = event(one, "key-updated", { keyId: "imported" });
    const again = await world.rotator([], options);
    again.update("imported", { note: "still here" });
    await updated;
    await world.end();
    await own.end();
  });

  describe("that lost everything, and where a process that never knew it began anew", () => {
    /** Of a key in a list, of which nobody said anything. */
    const listedOf = (id: string) => ({ ...recordOf(id), addedBy: "source" }) as const;
    const said = { ...listedOf("a"), settings: { enabled: false, note: "leaked" } };
    const removed = { ...listedOf("b"), ordinal: 2, removed: true };
    const encryptionKey = crypto.getRandomValues(new Uint8Array(32));

    async function three(): Promise<[RedisKeyStore, RedisKeyStore, RedisKeyStore]> {
      const open = (): Promise<RedisKeyStore> => world.store({ encryptionKey });
      return [await open(), await open(), await open()];
    }

    it("puts back what was said, imported and taken out, and keeps what was said since", async () => {
      const [one, other, late] = await three();
      const secret = newSecret();
      const imported = { ...recordOf("imported", secret), ordinal: 3, addedBy: "operator" } as const;
      const renamed = { ...recordOf("c"), ordinal: 4, settings: { note: "old" } };
      await persist(one, put(said, removed, imported, renamed));
      await other.load();
      await server.command("DEL", hashOf(world));

      const since = { ...renamed, settings: { note: "new" } };
      const their = { ...recordOf("theirs"), ordinal: 3, addedBy: "operator" } as const;
      const blank = [listedOf("a"), { ...listedOf("b"), ordinal: 2 }];
      await persist(late, put(...blank, since, their));

      const records = [...(await one.load()).records].sort((x, y) => (x.id < y.id ? -1 : 1));
      expect(records.map(({ given, ...rest }) => rest)).toEqual([
        said,
        removed,
        since,
        { ...recordOf("imported"), ordinal: 5, addedBy: "operator" },
        their,
      ]);
      expect(records[3]?.given?.secret === secret).toBe(true);
      const { version } = await one.load();
      for (const store of [other, late]) {
        const found = await store.load();
        expect(found.version).toBe(version);
        expect(found.records).toHaveLength(5);
      }
    });

    it("puts them back once: what is said afterwards holds", async () => {
      const [one, other, late] = await three();
      await persist(one, put(said, removed));
      await other.load();
      await server.command("DEL", hashOf(world));
      await persist(late, put(listedOf("a")));
      await one.load();
      await persist(late, put(listedOf("a")));
      await persist(late, { put: [], drop: ["b"] });
      for (const store of [other, one]) expect((await store.load()).records).toEqual([listedOf("a")]);
    });

    it("leaves a key off that was switched off, in all processes", async () => {
      const listed = [
        { id: "a", secret: newSecret() },
        { id: "b", secret: newSecret() },
      ];
      const [one, other] = [await world.rotator(listed), await world.rotator(listed)];
      one.disable("a");
      await one.flushed();
      await until(async () => (await other.snapshot()).keys[0]?.state === "disabled");
      await server.command("DEL", hashOf(world));
      const late = await world.rotator(listed);
      const off = event(late, "key-disabled", { keyId: "a" });
      await late.flushed();
      await off;
      await Promise.all([one.flushed(), other.flushed()]);
      for (const rotator of [one, other, late]) {
        expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["disabled", "ready"]);
      }
    });
  });

  it("does not take changes over a state that is another one after a loss", async () => {
    const [one, other] = [await world.store(), await world.store()];
    const before = await persist(one, put(recordOf("a")));
    await server.command("DEL", `{rf:${world.pool}}keys1`);
    await persist(other, put(recordOf("b")));
    expect(await one.apply(put(recordOf("c")), before)).toMatchObject({ applied: false });
    expect((await one.load()).records.map(({ id }) => id).sort()).toEqual(["a", "b"]);
  });
});
