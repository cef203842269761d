import { onTestFinished } from "vitest";
import type { ProxyOptions } from "../../../src/index.ts";
import { Upstream } from "../../server/proxy/upstream.ts";
import { optionsOf } from "./pools.ts";
import { listening } from "./servers.ts";
import { newToken } from "./world.ts";

export interface Rig {
  readonly upstream: Upstream;
  /** Options of a proxy in front of it. */
  readonly options: ProxyOptions;
  /** What a client sends to be let through. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A provider that is there until the test is over. */
export async function startRig(options?: Partial<ProxyOptions>): Promise<Rig> {
  const upstream = await new Upstream().start();
  onTestFinished(() => upstream.stop());
  const token = newToken();
  const target = `${upstream.origin}/v1`;
  const keys = [{ secret: upstream.key("good") }];
  const all = optionsOf({ target, keys, token, ...(options && { options }) });
  return { upstream, options: all, headers: { authorization: `Bearer ${token}` } };
}

/** Serves until the test is over; tells where. */
export async function serving(listener: Parameters<typeof listening>[0]): Promise<string> {
  const { origin, stop } = await listening(listener);
  onTestFinished(stop);
  return origin;
}
