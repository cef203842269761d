import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { RedisStore, type SendCommand } from "rotating-fetch/redis";
import { FakeClock } from "rotating-fetch/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Candidate, Reservation } from "../../src/limits/store.ts";
import type { Clock } from "../../src/types.ts";
import { ioredisOf, type OpenClient } from "./support/clients.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { ask, options, rolling, until, wanting } from "./support/shared-limits.ts";

const windowMs = 60_000;
/** Longer than a test may wait: only who is told knows before. */
const guardMs = 50_000;

function of(account: string): Candidate {
  return wanting(account, { ...rolling(`${account}#r`, 10, windowMs), guardMs });
}

describe("RedisStore after an answer whose amount was right", () => {
  let server: RedisProcess;
  let pool: string;
  let clock: FakeClock;
  let sent: number;
  let store: RedisStore;
  let other: RedisStore;
  const opened: OpenClient[] = [];

  beforeAll(async () => {
    server = await RedisProcess.start();
  });
  beforeEach(async () => {
    pool = randomUUID();
    clock = new FakeClock();
    const client = open() as Redis;
    const counted: SendCommand = ([name = "", ...args]) => {
      sent++;
      return client.call(name, ...args);
    };
    store = new RedisStore({ client: counted, pool, clock, commandTimeoutMs: 5000 });
    other = new RedisStore({ client: open(), pool });
    // A server that never saw the script is asked twice.
    await other.renew();
    sent = 0;
  });
  afterEach(async () => {
    await Promise.all([closed(), other.close()]);
    for (const { end } of opened.splice(0)) end();
  });
  afterAll(() => server.end());

  function open(): OpenClient["client"] {
    const made = ioredisOf(server);
    opened.push(made);
    return made.client;
  }

  async function closed(): Promise<void> {
    const closing = store.close();
    await clock.advance(1000);
    await closing;
  }

  /** A request whose headers came after 100 ms. */
  async function served(candidate: Candidate): Promise<void> {
    const reservation = (await ask(store, candidate)) as Reservation;
    expect(reservation.granted).toBe(true);
    await store.settle([{ reservation, outcome: "success", sent: "yes", headersAfterMs: 100 }]);
  }

  /** Does everybody know that the slot is not held as long as the guard? */
  async function isTold({ scopes, needs }: Candidate): Promise<boolean> {
    const buckets = needs.map(({ bucket }) => bucket);
    const { resetInMs } = (await other.read(scopes, buckets)).buckets[0] as { resetInMs: number };
    expect(resetInMs).toBeGreaterThan(windowMs - 1000);
    return resetInMs < windowMs + guardMs / 2;
  }

  it("tells the others with its next question about the same limit, and sends nothing for it", async () => {
    const [a, b] = [of("a"), of("b")];
    await served(a);
    expect(sent).toBe(1);
    await served(b);
    expect(await isTold(a)).toBe(false);
    await store.reserve([a], { ...options, dryRun: true });
    expect(sent).toBe(3);
    expect(await isTold(a)).toBe(true);
    expect(await isTold(b)).toBe(false);
  });

  it("tells them after a second in any case", async () => {
    const [a, b] = [of("a"), of("b")];
    await served(a);
    await served(b);
    await clock.advance(999);
    const before = sent;
    expect(await isTold(a)).toBe(false);
    await clock.advance(1);
    await until(async () => (await isTold(a)) && (await isTold(b)));
    expect(sent).toBe(before + 1);
  });

  it("does not wait for a timer that ended with the request that set it", async () => {
    let timersEnd = true;
    const passing: Clock = {
      wall: () => clock.wall(),
      monotonic: () => clock.monotonic(),
      timer: (callback, delayMs) => (timersEnd ? () => {} : clock.timer(callback, delayMs)),
    };
    store = new RedisStore({ client: open(), pool, clock: passing, commandTimeoutMs: 5000 });
    const [a, b] = [of("a"), of("b")];
    await served(a);
    timersEnd = false;
    await clock.advance(2000);
    await served(b);
    expect(await isTold(b)).toBe(false);
    await clock.advance(1000);
    await until(() => isTold(b));
  });

  it("tells them when it is closed", async () => {
    const a = of("a");
    await served(a);
    await closed();
    expect(await isTold(a)).toBe(true);
  });

  it("tells them within a twentieth of a short window", async () => {
    const short = wanting("a", { ...rolling("a#r", 1, 2000), guardMs: 10_000 });
    await served(short);
    await clock.advance(100);
    await until(async () => {
      const { buckets } = await other.read(
        [],
        short.needs.map(({ bucket }) => bucket),
      );
      return (buckets[0]?.resetInMs ?? 0) < 2500;
    });
  });
});
