import { env } from "cloudflare:workers";
import { createRotatingFetch } from "rotating-fetch";
import type { Environment } from "../suite/environment.ts";
import { serving } from "./serving.ts";

const { keys, provider } = JSON.parse(env.ENVIRONMENT) as Environment;

// Its rounds need a timer that no request owns: there is none.
const checked = createRotatingFetch({
  keys: [keys.good],
  baseURL: `${provider}/v1`,
  healthCheck: { intervalMs: 60_000, path: "/echo/check" },
});

const fetchThrough = serving({ checked });

// biome-ignore lint/style/noDefaultExport: where the runtime looks for the handler
export default { fetch: fetchThrough };
