import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Child } from "./child.ts";
import { ProviderServer } from "./provider-server.ts";
import type { Runtime } from "./runtimes.ts";
import type { Environment, Outcome } from "./suite/environment.ts";

const longestRunMs = 90_000;

/** Starts a provider with new keys and a foreign server, and stops both afterwards. */
export async function withServers<T>(use: (environment: Environment) => Promise<T>): Promise<T> {
  const secret = (): string => `test-${randomBytes(16).toString("hex")}`;
  const keys = { limited: secret(), good: secret() };
  const servers = [new ProviderServer(keys), new ProviderServer(keys)] as const;
  const [provider, foreign] = await Promise.all([servers[0].start(), servers[1].start()]);
  try {
    return await use({ provider, foreign, keys });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Runs the suite in a runtime. The keys reach it over the loopback, on no command line and in no file. */
export function runPortable({ parameters }: Runtime, binary: string, project: string): Promise<readonly Outcome[]> {
  return withServers(async (environment) => {
    let outcomes: readonly Outcome[] | undefined;
    const driver = createServer(async (request, response) => {
      if (request.method === "POST") outcomes = JSON.parse(await text(request)) as readonly Outcome[];
      response.end(JSON.stringify(environment));
    });
    await once(driver.listen(0, "127.0.0.1"), "listening");
    const address = `http://127.0.0.1:${(driver.address() as AddressInfo).port}/`;
    const child = new Child(binary, [...parameters, "portable.mjs", address], project);
    try {
      const { code, stderr } = await child.endedWithin(longestRunMs);
      if (outcomes === undefined || code !== 0) throw new Error(`Ended with code ${code}:\n${stderr}`);
      return outcomes;
    } finally {
      await child.kill();
      driver.closeAllConnections();
      driver.close();
    }
  });
}
