import { randomUUID } from "node:crypto";
import { createAdminHandler, KeyRotator, type Lease } from "rotating-fetch";
import { RedisStore, type SendCommand } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { functionOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { allStarted, until } from "./support/shared-limits.ts";

/** What a server is asked is what it costs: where commands are billed, in money. */
describe("commands that a pool over Redis sends", () => {
  let server: RedisProcess;
  const opened: OpenClient[] = [];
  const rotators: KeyRotator[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  afterEach(async () => {
    await Promise.all(rotators.splice(0).map((rotator) => rotator.close()));
    for (const { end } of opened.splice(0)) end();
  });
  afterAll(() => server.end());

  /** A pool of so many keys that was used already, and the commands it has sent since, signs of life aside. */
  async function begin(keys: number): Promise<{ rotator: KeyRotator; sent: string[] }> {
    const made = functionOf(server);
    opened.push(made);
    const send = made.client as SendCommand;
    const sent: string[] = [];
    const client: SendCommand = (args) => {
      const asked = args.find((each) => each.startsWith('{"e":')) ?? "";
      if (/"[srqcl]":/.test(asked)) sent.push(asked);
      return send(args);
    };
    const store = new RedisStore({ client, pool: randomUUID(), commandTimeoutMs: 10_000, ...allStarted });
    const rotator = new KeyRotator({
      keys: Array.from({ length: keys }, (_, key) => ({ id: `k${key}`, secret: `test-${randomUUID()}` })),
      limits: [
        { requests: 10_000, per: "minute", scope: "key" },
        { requests: 100_000, per: "hour", scope: "account" },
      ],
      store,
    });
    rotators.push(rotator);
    await end(await rotator.acquire());
    await settled(sent);
    return { rotator, sent };
  }

  async function end(lease: Lease): Promise<void> {
    lease.settle({ outcome: "success" });
  }

  /** Until nothing is sent any more: reports may wait for a second at most. */
  async function settled(sent: string[]): Promise<void> {
    let before = -1;
    await until(async () => {
      const isStill = sent.length === before;
      before = sent.length;
      await new Promise((resolve) => setTimeout(resolve, 1200));
      return isStill && sent.length === before;
    }, 30_000);
    sent.length = 0;
  }

  it("are one for an acquire, and less than one for what becomes of it", async () => {
    const { rotator, sent } = await begin(3);
    await end(await rotator.acquire());
    expect(sent).toHaveLength(1);
    await settled(sent);
    for (let requests = 0; requests < 100; requests++) await end(await rotator.acquire());
    // All but the last reports travel with the next question.
    expect(sent.length).toBeLessThanOrEqual(101);
    await settled(sent);
    await Promise.all(Array.from({ length: 64 }, async () => end(await rotator.acquire())));
    // Eight at a time at least.
    expect(sent.length).toBeLessThanOrEqual(8);
  });

  it("are one for some hundred keys that a snapshot shows", async () => {
    const { rotator, sent } = await begin(5000);
    const { keys } = await rotator.snapshot();
    expect(keys).toHaveLength(5000);
    expect(sent.length).toBeLessThanOrEqual(45);
  });

  it("do not grow with the pool where an operator switches one key off and on", async () => {
    const token = `test-${randomUUID()}`;
    const { rotator, sent } = await begin(5000);
    const admin = createAdminHandler({ rotators: rotator, tokens: token });
    const change = async (method: string, path: string, body: unknown): Promise<number> => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const init = { method, headers, body: JSON.stringify(body) };
      const answer = await admin(new Request(`http://admin.test/api/keys/${path}`, init));
      await answer.text();
      return answer.status;
    };
    expect(await change("PATCH", "k4711", { enabled: false })).toBe(200);
    expect(sent.length).toBeLessThanOrEqual(2);
    sent.length = 0;
    expect(await change("PATCH", "k4711", { enabled: true })).toBe(200);
    expect(sent.length).toBeLessThanOrEqual(3);
  });
});
