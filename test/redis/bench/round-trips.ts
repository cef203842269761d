import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { KeyRotator } from "../../../src/index.ts";
import { RedisStore } from "../../../src/stores/redis.ts";
import { RedisProcess } from "../support/redis-process.ts";

/** Milliseconds for each measurement. */
const measuredMs = Number(process.env["BENCH_MS"] ?? 1500);

interface Figures {
  readonly p50: number;
  readonly perSecond: number;
}

/** Keeps so many under way and measures each. */
async function measure(atOnce: number, act: () => Promise<unknown>): Promise<Figures> {
  const times: number[] = [];
  const run = async (untilMs: number, isKept: boolean): Promise<void> => {
    while (performance.now() < untilMs) {
      const begun = performance.now();
      await act();
      if (isKept) times.push(performance.now() - begun);
    }
  };
  const all = (ms: number, isKept: boolean): Promise<unknown> =>
    Promise.all(Array.from({ length: atOnce }, () => run(performance.now() + ms, isKept)));
  await all(measuredMs / 3, false);
  await all(measuredMs, true);
  times.sort((a, b) => a - b);
  return { p50: (times[Math.floor(times.length / 2)] ?? 0) * 1000, perSecond: (times.length / measuredMs) * 1000 };
}

const minute = { requests: 1e9, per: "minute" } as const;
const day = { requests: 1e12, per: "day" } as const;
const server = await RedisProcess.start();
const client = new Redis({ port: server.port, host: "127.0.0.1" });
const lines = ["| what | at once | p50 us | x PING | per second |", "|---|---:|---:|---:|---:|"];
const pings = new Map<number, number>();

async function row(what: string, atOnce: number, act: () => Promise<unknown>): Promise<void> {
  const { p50, perSecond } = await measure(atOnce, act);
  if (what === "PING") pings.set(atOnce, p50);
  const ratio = p50 / (pings.get(atOnce) ?? p50);
  lines.push(`| ${what} | ${atOnce} | ${p50.toFixed(0)} | ${ratio.toFixed(2)} | ${perSecond.toFixed(0)} |`);
}

const counts = [1, 16, 64];
for (const atOnce of counts) await row("PING", atOnce, () => client.ping());
for (const size of [3, 100, 1000]) {
  for (const cooling of size === 3 ? [0] : [0, 0.99]) {
    const store = new RedisStore({ client, pool: randomUUID(), commandTimeoutMs: 5000 });
    const keys = Array.from({ length: size }, (_, place) => ({ id: `k${place}`, secret: `test-${randomUUID()}` }));
    const rotator = new KeyRotator({ keys, limits: [minute, day], store });
    for (const { id } of keys.slice(0, Math.floor(size * cooling))) {
      await store.cooldown([{ scope: `account:${id}`, set: { forMs: 600_000 }, reason: "x", source: "authoritative" }]);
    }
    const acquire = async (): Promise<void> => {
      const lease = await rotator.acquire({});
      lease.settle({ outcome: "success" });
    };
    for (let count = 0; count < size / 2; count++) await acquire();
    for (const atOnce of counts) await row(`${size} keys, ${cooling * 100} % cooling`, atOnce, acquire);
    await rotator.close();
  }
}
const store = new RedisStore({ client, pool: randomUUID(), commandTimeoutMs: 5000 });
const bare = new KeyRotator({ keys: [{ id: "k", secret: `test-${randomUUID()}` }], limits: [minute, day], store });
for (const atOnce of counts) await row("no report", atOnce, async () => bare.acquire({}));
const stats = await server.command("INFO", "commandstats");
process.stdout.write(`${lines.join("\n")}\n${/cmdstat_evalsha:\S+/.exec(stats)?.[0]}\n`);
await bare.close({ drainMs: 0 });
client.disconnect();
await server.end();
process.exit();
