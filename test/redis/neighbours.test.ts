import { randomUUID } from "node:crypto";
import { RedisStore } from "rotating-fetch/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AllKeysExhaustedError } from "../../src/errors.ts";
import { KeyRotator } from "../../src/named/key-rotator.ts";
import { newSecret } from "../support/test-keys.ts";
import { ioredisOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";

/** Served, or refused; milliseconds. */
interface Told {
  readonly tokens: number;
  readonly served: boolean;
  readonly afterMs: number;
}

describe("Requests that ask Redis in the same turn", () => {
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

  function openRotator(): KeyRotator {
    const client = ioredisOf(server);
    opened.push(client);
    const store = new RedisStore({ client: client.client, pool: randomUUID(), commandTimeoutMs: 5000 });
    const limits = [{ tokens: 100, per: 2000 }];
    const rotator = new KeyRotator({ keys: [{ id: "a", secret: newSecret() }], limits, maxWaitMs: 1000, store });
    rotators.push(rotator);
    return rotator;
  }

  async function take(rotator: KeyRotator, tokens: number): Promise<Told> {
    const began = performance.now();
    const told = (served: boolean): Told => ({ tokens, served, afterMs: performance.now() - began });
    try {
      const lease = await rotator.acquire({ tokens: { input: tokens, output: 0 } });
      lease.settle({ outcome: "success", usage: { inputTokens: tokens, outputTokens: 0 } });
      return told(true);
    } catch (error) {
      if (!AllKeysExhaustedError.isInstance(error)) throw error;
      return told(false);
    }
  }

  it.each([{ order: [10, 100] }, { order: [100, 10] }, { order: [100, 8, 100] }])(
    "are judged each by its own size: $order",
    async ({ order }) => {
      const rotator = openRotator();
      await take(rotator, 10);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await take(rotator, 85);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const told = await Promise.all(order.map((tokens) => take(rotator, tokens)));
      expect(told.map(({ tokens, served }) => [tokens, served])).toEqual(order.map((tokens) => [tokens, tokens < 100]));
      for (const { served, afterMs } of told) if (!served) expect(afterMs).toBeLessThan(300);
    },
  );
});
