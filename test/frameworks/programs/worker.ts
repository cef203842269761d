import { env } from "cloudflare:workers";
import type { Pools } from "../support/pools.ts";
import { honoApp, webApp } from "../support/web-apps.ts";

const pools = JSON.parse(env.POOLS) as Pools;
const fetch = env.APP === "web" ? webApp(pools) : honoApp(pools).fetch;

// biome-ignore lint/style/noDefaultExport: where the runtime looks for the handler
export default { fetch };
