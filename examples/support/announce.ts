import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServerSettings } from "./server-settings.ts";

/** Says where a server listens and how to try it, and ends it with the process. */
export function announce(server: Server, settings: ServerSettings): void {
  server.once("listening", () => {
    const { address, port } = server.address() as AddressInfo;
    const host = address.includes(":") ? `[${address}]` : address;
    console.log(`listening on http://${host}:${port}, in front of ${settings.proxy.target}`);
    for (const { name, value } of settings.made) console.log(`${name} for this run: ${value}`);
  });
  const end = (): void => {
    server.close();
    server.closeAllConnections();
    void settings.stop();
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
}
