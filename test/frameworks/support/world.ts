import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { afterAll, beforeAll } from "vitest";
import { Upstream } from "../../server/proxy/upstream.ts";
import type { PoolSetup, Pools } from "./pools.ts";
import { type RunningServer, running, type StartServer } from "./servers.ts";

export const newToken = (): string => `client-${randomBytes(16).toString("hex")}`;

/** A provider, and a server with proxies in front of it. */
export interface World {
  readonly upstream: Upstream;
  readonly token: string;
  readonly choosingToken: string;
  /** Where a request to a proxy goes: a new id under a behaviour of the provider's. */
  to(pool: string, behaviour: string, id?: string): Target;
}

export interface Target {
  readonly id: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

let count = 0;
const newId = (): string => `case-${++count}`;

/** So long may request bodies be, bytes: twenty megabytes and a bit. */
export const mostBytes = 24 * 1024 * 1024;

/** A port nobody listens at. */
async function deadOrigin(): Promise<string> {
  const { origin, stop } = await running(createServer());
  await stop();
  return origin;
}

function poolsOf(upstream: Upstream, token: string, choosingToken: string, dead: string): Pools {
  const pool = (keys: PoolSetup["keys"], options?: PoolSetup["options"], target = upstream.origin): PoolSetup => ({
    target: `${target}/v1`,
    token,
    keys,
    ...(options && { options }),
  });
  const { key } = { key: (role: Parameters<Upstream["key"]>[0]) => ({ secret: upstream.key(role) }) };
  return {
    plain: pool([key("good")], { maxBodyBytes: mostBytes, headers: { "x-title": "tests" } }),
    rotating: pool([key("limited"), key("good")]),
    single: pool([key("good")], { limits: [{ concurrency: 1 }], guardMs: 0, maxWaitMs: 5_000 } as PoolSetup["options"]),
    limited: pool([key("limited")]),
    refused: pool([key("revoked")]),
    disabled: pool([{ ...key("good"), enabled: false }]),
    hasty: pool([key("good")], { attemptTimeoutMs: 80 }),
    unreachable: pool([key("good")], {}, dead),
    choosing: { ...pool([key("good")]), choosingToken },
  };
}

/** Starts a world before the tests of a block and stops it after them. */
export function useWorld(start: StartServer): World {
  const upstream = new Upstream();
  const [token, choosingToken] = [newToken(), newToken()];
  let server: RunningServer | undefined;
  beforeAll(async () => {
    await upstream.start();
    server = await start(poolsOf(upstream, token, choosingToken, await deadOrigin()));
  });
  afterAll(async () => {
    await server?.stop();
    await upstream.stop();
  });
  return {
    upstream,
    token,
    choosingToken,
    to(pool, behaviour, id = newId()) {
      const headers = { authorization: `Bearer ${token}` };
      return { id, url: `${server?.origin}/${pool}/${behaviour}/${id}`, headers };
    },
  };
}
