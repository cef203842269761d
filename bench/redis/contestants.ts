import { randomUUID } from "node:crypto";
import { KeyRotator } from "../../src/index.ts";
import { RedisStore } from "../../src/stores/redis/index.ts";
import { type IoredisClient, limiterUnion } from "./peers.ts";

export interface Contestant {
  readonly name: string;
  act(): Promise<unknown>;
  /** How many commands it sends, where that is counted. */
  readonly sent?: () => number;
  close?(): Promise<void>;
}

/** Never reached, so that what is measured is the asking. */
const minute = { requests: 1e9, per: "minute" } as const;
const day = { requests: 1e12, per: "day" } as const;

export const ping = "PING";
export const withoutReport = "acquire, never settled, 3 keys";

export function acquiring(size: number, cooling: number): string {
  return `acquire and settle, ${size} keys${cooling === 0 ? "" : `, ${cooling * 100} % cooling`}`;
}

let pools = 0;

async function poolOf(client: IoredisClient, size: number, cooling: number, settles: boolean): Promise<Contestant> {
  let sent = 0;
  const counted = (args: string[]): Promise<unknown> => {
    sent++;
    return client.call(...(args as [string]));
  };
  // What others taught is known at start, as it is in a pool that has been running.
  const name = settles ? acquiring(size, cooling) : withoutReport;
  // As short as names of pools are.
  const pool = `pool-${++pools}`;
  const store = new RedisStore({ client: counted, pool, commandTimeoutMs: 5000 });
  const keys = Array.from({ length: size }, (_, place) => ({ id: `key-${place}`, secret: `test-${randomUUID()}` }));
  const resting = keys.slice(0, Math.floor(size * cooling));
  await store.cooldown(
    resting.map(({ id }) => ({
      scope: `account:${id}`,
      set: { forMs: 3_600_000 },
      reason: "rate_limit",
      source: "authoritative",
    })),
  );
  const rotator = new KeyRotator({ keys, limits: [minute, day], store });
  const act = async (): Promise<void> => {
    const lease = await rotator.acquire();
    if (settles) lease.settle({ outcome: "success" });
  };
  for (let count = 0; count < size; count++) await act();
  return { name, act, sent: () => sent, close: () => rotator.close() };
}

export async function contestantsOn(client: IoredisClient): Promise<Contestant[]> {
  const union = await limiterUnion(client);
  const list: Contestant[] = [
    { name: ping, act: () => client.ping() },
    { name: "rate-limiter-flexible, a union of two windows", act: () => union.consume("key") },
    await poolOf(client, 3, 0, false),
  ];
  for (const size of [3, 100, 1000]) {
    for (const cooling of size === 3 ? [0] : [0, 0.99]) list.push(await poolOf(client, size, cooling, true));
  }
  return list;
}
