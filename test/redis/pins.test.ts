import { randomBytes, randomUUID } from "node:crypto";
import { createRotatingFetch, type RotatingFetch } from "rotating-fetch";
import { RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ioredisOf } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";

const baseURL = "https://provider.test/v1";
const post = { method: "POST", body: "{}" };

describe("what belongs to one account, over a server", () => {
  let server: RedisProcess;
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => server.end());

  it("is found by three handles, and by one that begins after the maker has ended", async () => {
    const pool = randomUUID();
    const keys = Array.from({ length: 5 }, () => `test-${randomBytes(12).toString("hex")}`);
    const makers = new Map<string, string>();
    let asked = 0;
    const provider = async (url: string, init?: RequestInit): Promise<Response> => {
      asked++;
      const secret = new Headers(init?.headers).get("authorization") ?? "";
      if (init?.method === "POST") {
        const id = `batch_${makers.size}${pool.replaceAll("-", "")}`;
        makers.set(id, secret);
        return Response.json({ id, object: "batch" });
      }
      const isIts = makers.get(url.split("/").pop() as string) === secret;
      return isIts ? Response.json({ object: "batch" }) : Response.json({ error: { message: "No." } }, { status: 404 });
    };
    const start = (): RotatingFetch => {
      const { client, end } = ioredisOf(server);
      const store = new RedisStore({ client, pool, commandTimeoutMs: 5000 });
      const fetch = createRotatingFetch({ provider: "openai", baseURL, keys, store, fetch: provider });
      ends.push(end, () => fetch.rotator.close());
      return fetch;
    };
    const maker = start();
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      const made = (await (await maker(`${baseURL}/batches`, post)).json()) as { id: string };
      ids.push(made.id);
    }
    const others = [start(), start()];
    // On one connection what is asked next comes after what was told.
    expect((await maker(`${baseURL}/batches/${ids[4]}`)).status).toBe(200);
    for (const fetch of others)
      for (const id of ids) expect((await fetch(`${baseURL}/batches/${id}`)).status).toBe(200);
    await maker.rotator.close();
    const later = start();
    for (const id of ids) expect((await later(`${baseURL}/batches/${id}`)).status).toBe(200);
    expect(asked, "each of them at the first attempt").toBe(4 * ids.length + 1);
  });
});
