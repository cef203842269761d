import { env } from "cloudflare:workers";
import { createRotatingFetch } from "rotating-fetch";
import type { Environment } from "../suite/environment.ts";
import { runSuite } from "../suite/suite.ts";
import { serving } from "./serving.ts";

const environment = JSON.parse(env.ENVIRONMENT) as Environment;
const { keys, provider } = environment;

// Timers, randomness and requests are refused in module scope: that the worker starts shows that none are asked for.
const rotating = createRotatingFetch({
  keys: [keys.limited, keys.good],
  baseURL: `${provider}/v1`,
  strategy: "fill_first",
});
const throughPools = serving({ rotating });

// biome-ignore lint/style/noDefaultExport: where the runtime looks for the handler
export default {
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/suite") return throughPools(request);
    return Response.json(await runSuite(environment));
  },
};
