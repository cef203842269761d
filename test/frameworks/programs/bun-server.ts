import { env } from "node:process";
import type { Pools } from "../support/pools.ts";
import { honoApp, webApp } from "../support/web-apps.ts";

/** What is used of Bun. */
declare const Bun: {
  serve(options: {
    readonly fetch: (request: Request) => Response | Promise<Response>;
    readonly hostname: string;
    readonly port: number;
    readonly idleTimeout: number;
    readonly maxRequestBodySize: number;
  }): { readonly port: number };
};

const pools = JSON.parse(env["POOLS"] ?? "{}") as Pools;
const fetch = env["APP"] === "web" ? webApp(pools) : honoApp(pools).fetch;
// Streams may be silent for as long as their provider thinks.
const { port } = Bun.serve({ fetch, hostname: "127.0.0.1", port: 0, idleTimeout: 0, maxRequestBodySize: 2 ** 30 });
process.stdout.write(`listening on ${port}\n`);
