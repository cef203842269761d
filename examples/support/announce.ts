import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { KeyRotator } from "rotating-fetch";
import { logRequests } from "./log.ts";
import type { ServerSettings } from "./server-settings.ts";

/** Says where a server listens and how to try it, logs its requests, and ends it with the process. */
export function announce(server: Server, settings: ServerSettings, rotator: KeyRotator): void {
  const { host, authorize, logger } = settings;
  logRequests(server, logger);
  server.once("listening", () => {
    const { address, port } = server.address() as AddressInfo;
    const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
    console.log(`listening on ${url}, in front of ${settings.proxy.target}`);
    for (const { name, value } of settings.made) {
      if (name !== "CLIENT_TOKEN" || authorize !== "public") console.log(`${name} for this run: ${value}`);
    }
    if (authorize === "public" && !isLoopback(host)) {
      logger.warn("Everybody who reaches this address may use the keys: set CLIENT_TOKEN, and have clients send it.");
    }
  });
  const end = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await rotator.close();
    await settings.stop?.();
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
