import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createRotatingFetch,
  InvalidOptionsError,
  KeyStoreError,
  type ProviderName,
  type RotatingFetch,
} from "rotating-fetch";
import { expectNoSecrets } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ioredisOf } from "./support/clients.ts";
import { KeyStoreWorld, newSecret, persist, put, recordOf } from "./support/key-stores.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { until } from "./support/shared-limits.ts";

/** A provider's server, and all that was ever sent to it. */
interface Place {
  readonly url: string;
  readonly received: string[];
  readonly server: Server;
}

let redis: RedisProcess;
let world: KeyStoreWorld;
const encryptionKey = crypto.getRandomValues(new Uint8Array(32));
const places: Place[] = [];
const fetches: RotatingFetch[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
});
beforeEach(() => {
  world = new KeyStoreWorld(() => ioredisOf(redis));
});
afterEach(async () => {
  for (const { rotator } of fetches.splice(0)) await rotator.close().catch(() => {});
  for (const { server } of places.splice(0)) server.close();
  await world.end();
});
afterAll(() => redis.end());

async function place(): Promise<Place> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(JSON.stringify([request.url, request.rawHeaders]));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const made = { url: `http://127.0.0.1:${port}`, received, server };
  places.push(made);
  return made;
}

/** A process of its own, as far as the key store can tell. */
async function start(provider: ProviderName, { url }: Place, secret = newSecret()): Promise<RotatingFetch> {
  const keyStore = await world.store({ encryptionKey });
  const keys = [{ id: `listed-${provider}`, secret }];
  const made = createRotatingFetch({ provider, baseURL: url, keys, keyStore });
  fetches.push(made);
  return made;
}

/** Another provider claims the records right after they were lost. */
const loseTo = "redis.call('DEL', KEYS[1]) return redis.call('HSET', KEYS[1], 'owner', ARGV[1])";

/** It was told while reading or while writing, whichever came first. */
function causesOf(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${causesOf(error.cause)}` : "";
}

const hash = (): string => `{rf:${world.pool}}keys1`;

describe("RedisKeyStore between pools of different providers", () => {
  it("has a key that one imports never sent to the other's server", async () => {
    const [openai, anthropic] = [await place(), await place()];
    const secret = newSecret();
    const first = await start("openai", openai);
    first.rotator.import([{ id: "imported", secret }]);
    await first.rotator.flushed();

    const second = await start("anthropic", anthropic);
    for (let call = 0; call < 3; call++) {
      const error: unknown = await second(`${anthropic.url}/v1/messages`).catch((each: unknown) => each);
      expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS", field: "keyStore" });
      expect((error as Error).message).toMatch(/\(provider "anthropic".*the keys of provider "openai"/);
      expectNoSecrets(error, [secret]);
    }
    await first.rotator.flushed();
    expect(anthropic.received).toEqual([]);

    for (let call = 0; call < 2; call++) expect((await first(`${openai.url}/v1/models`)).status).toBe(200);
    expect(openai.received.some((text) => text.includes(secret))).toBe(true);
    const { records } = await (await world.store({ encryptionKey })).load();
    expect(records.map(({ id }) => id).sort()).toEqual(["imported", "listed-openai"]);
  });

  it("has a key of one address never sent to another address of the same provider", async () => {
    for (const provider of ["generic", "openai"] as const) {
      world = new KeyStoreWorld(() => ioredisOf(redis));
      const [one, other] = [await place(), await place()];
      const secret = newSecret();
      const first = await start(provider, one);
      first.rotator.import([{ id: "imported", secret }]);
      await first.rotator.flushed();
      const second = await start(provider, other);
      await expect(second(`${other.url}/v1/models`)).rejects.toThrow(
        `the keys of provider "${provider}" at ${one.url}.`,
      );
      expect(other.received).toEqual([]);
      const again = await start(provider, one);
      for (let call = 0; call < 3; call++) await again(`${one.url}/v1/models`);
      expect(one.received.some((text) => text.includes(secret))).toBe(true);
    }
  });

  it("serves one of two that begin at once, and refuses the other", async () => {
    const [openai, anthropic] = [await place(), await place()];
    const both = [await start("openai", openai), await start("anthropic", anthropic)];
    const ends = await Promise.allSettled(both.map((each, at) => each(`${places[at]?.url}/v1/models`)));
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = ends.find((end) => end.status === "rejected");
    expect(InvalidOptionsError.isInstance(refused?.reason)).toBe(true);
    expect(openai.received.length + anthropic.received.length).toBe(1);
  });

  it("belongs to one provider in all processes, wherever they learn of it", async () => {
    const openai = await place();
    const secret = newSecret();
    const [first, sibling] = [await start("openai", openai), await start("openai", openai)];
    await sibling.rotator.snapshot();
    first.rotator.import([{ id: "imported", secret }]);
    await first.rotator.flushed();
    await until(async () => (await sibling.rotator.snapshot()).keys.length === 2);
    for (let call = 0; call < 2; call++) await (await sibling(`${openai.url}/v1/models`)).text();
    expect(openai.received.some((text) => text.includes(secret))).toBe(true);
  });

  it("neither tells a server that lost the records, and has another provider's since, nor takes those", async () => {
    const [openai, anthropic] = [await place(), await place()];
    const [mine, theirs] = [newSecret(), newSecret()];
    const first = await start("openai", openai);
    first.rotator.import([{ id: "mine", secret: mine }]);
    await first.rotator.flushed();

    // At once: the first one may look at any time, and tell the server what it lost.
    await redis.command("EVAL", loseTo, "1", hash(), `"anthropic" at ${anthropic.url}`);
    const second = await start("anthropic", anthropic);
    second.rotator.import([{ id: "theirs", secret: theirs }]);
    await second.rotator.flushed();

    first.rotator.import([{ id: "late", secret: newSecret() }]);
    const error: unknown = await first.rotator.flushed().catch((each: unknown) => each);
    expect(KeyStoreError.isInstance(error)).toBe(true);
    expect(causesOf(error)).toMatch(/"openai".*"anthropic"/);
    await second.rotator.reload();
    for (let call = 0; call < 4; call++) {
      await first(`${openai.url}/v1/models`);
      await second(`${anthropic.url}/v1/models`);
    }
    expect(openai.received.some((text) => text.includes(mine))).toBe(true);
    expect(anthropic.received.some((text) => text.includes(theirs))).toBe(true);
    expectNoSecrets(openai.received, [theirs]);
    expectNoSecrets(anthropic.received, [mine]);
    const { records } = await (await world.store({ encryptionKey })).load();
    expect(records.map(({ id }) => id).sort()).toEqual(["listed-anthropic", "theirs"]);
  });

  it("writes nothing to records that another provider claimed after a loss, changes or what it knew", async () => {
    for (const records of [[], [recordOf("a", newSecret())]]) {
      world = new KeyStoreWorld(() => ioredisOf(redis));
      const [one, other] = [await world.store({ encryptionKey }), await world.store({ encryptionKey })];
      await one.claim('"openai"');
      if (records.length > 0) await persist(one, put(...records));
      const { version } = await one.load();
      await redis.command("DEL", hash());
      await other.claim('"anthropic"');
      const writing = [() => one.apply(put(recordOf("b", newSecret())), version), () => one.load()];
      for (const write of writing) {
        const error: unknown = await write().catch((each: unknown) => each);
        expect(KeyStoreError.isInstance(error)).toBe(true);
        expect((error as Error).message).toContain('were those of provider "openai", and are those of "anthropic" now');
      }
      expect((await other.load()).records).toEqual([]);
      await world.end();
    }
  });

  it("is claimed anew, with what it holds, by the process that finds the records lost", async () => {
    const [one, other] = [await world.store(), await world.store()];
    expect(await one.claim('"openai"')).toBe('"openai"');
    await persist(one, put(recordOf("a")));
    await redis.command("DEL", hash());
    await one.load();
    expect(await other.claim('"anthropic"')).toBe('"openai"');
    await redis.command("DEL", hash());
    // Not asked since: what it knows is nobody else's all the same.
    expect(await one.claim('"anthropic"')).toBe('"openai"');
  });

  it("takes the first claim where an operator took the owner out", async () => {
    const [openai, anthropic] = [await place(), await place()];
    const first = await start("openai", openai);
    await first.rotator.snapshot();
    await first.rotator.close();
    expect(await redis.command("HDEL", hash(), "owner")).toBe(":1\r\n");
    const second = await start("anthropic", anthropic);
    expect((await second(`${anthropic.url}/v1/models`)).status).toBe(200);
    expect(await (await world.store()).claim('"openai"')).toContain('"anthropic"');
  });
});
