import { request } from "node:http";
import { Child } from "./child.ts";
import { withServers } from "./driver.ts";
import type { Arrival, Environment } from "./suite/environment.ts";

/** A worker that is being served, and the servers it was told of. */
export interface Worker {
  readonly environment: Environment;
  readonly url: string;
}

/** Serves a worker of the user's project, with servers of its own, while it is used. */
export function withWorker<T>(
  { binary, project, name }: { readonly binary: string; readonly project: string; readonly name: string },
  use: (worker: Worker) => Promise<T>,
): Promise<T> {
  return withServers(async (environment) => {
    const variables = { SUITE_ENVIRONMENT: JSON.stringify(environment) };
    const child = new Child(binary, ["serve", "--control-fd=1", `${name}.capnp`], project, variables);
    try {
      const [, port] = await child.printed(/"socket":"http","port":(\d+)/);
      return await use({ environment, url: `http://127.0.0.1:${port}` });
    } finally {
      await child.kill();
    }
  });
}

function addressThrough({ environment, url }: Worker, pool: string, behaviour: string): string {
  return `${url}/through/${pool}?to=${environment.provider}/v1/${behaviour}`;
}

/** What the provider answers through a pool of the worker. */
export async function through(worker: Worker, pool: string, behaviour: string): Promise<string> {
  const signal = AbortSignal.timeout(20_000);
  return (await fetch(addressThrough(worker, pool, behaviour), { signal })).text();
}

/** Resolves when so many requests wait in a pool of the worker. */
export async function untilWaiting({ url }: Worker, pool: string, count: number): Promise<void> {
  while ((await (await fetch(`${url}/waiting/${pool}`)).json()) !== count);
}

/** Calls and can leave: with a reset, the one way of leaving that the runtime notices while it has nothing to write. */
export function visit(worker: Worker, pool: string, behaviour: string): { leave(): void } {
  const visitor = request(addressThrough(worker, pool, behaviour)).on("error", () => undefined);
  visitor.end();
  return { leave: () => visitor.socket?.resetAndDestroy() };
}

/** Waits for what the provider has to tell of an address; answers with what arrived there. */
export async function told({ environment }: Worker, what: string, behaviour: string): Promise<readonly Arrival[]> {
  const response = await fetch(`${environment.provider}/told/${what}?path=/v1/${behaviour}`);
  return (await response.json()) as readonly Arrival[];
}
