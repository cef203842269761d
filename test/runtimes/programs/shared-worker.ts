import { env } from "cloudflare:workers";
import { createRotatingFetch } from "rotating-fetch";
import type { Environment } from "../suite/environment.ts";
import { serving } from "./serving.ts";

const { keys, provider } = JSON.parse(env.ENVIRONMENT) as Environment;
const baseURL = `${provider}/v1`;

/** Keys from elsewhere, where the first to ask gets no answer. */
const listed = createRotatingFetch({
  keys: async () => {
    await fetch(`${baseURL}/hangs-once/keys`);
    return [keys.good];
  },
  baseURL,
});

const vaulted = createRotatingFetch({
  keys: [
    {
      id: "vaulted",
      async secret() {
        await fetch(`${baseURL}/hangs-once/secret`);
        return { secret: keys.good, expiresAt: Date.now() + 60_000 };
      },
    },
  ],
  baseURL,
});

const limited = createRotatingFetch({
  keys: [keys.good],
  baseURL,
  limits: [{ requests: 2, per: "second" }],
  guardMs: 200,
});

const fetchThrough = serving({ limited, listed, vaulted });

// biome-ignore lint/style/noDefaultExport: where the runtime looks for the handler
export default { fetch: fetchThrough };
