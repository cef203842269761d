import { Hono } from "hono";
import { createProxyHandler } from "../../../src/index.ts";
import { rotatingProxy } from "../../../src/server/middleware/hono.ts";
import { optionsOf, type Pools } from "./pools.ts";

/** The app of a Hono server, on whatever runtime. */
export function honoApp(pools: Pools): Hono {
  const app = new Hono();
  for (const [name, pool] of Object.entries(pools)) {
    app.all(`/${name}/*`, rotatingProxy({ ...optionsOf(pool), basePath: `/${name}` }));
  }
  return app;
}

/** What speaks `Request` and `Response`, without a framework. */
export function webApp(pools: Pools): (request: Request) => Promise<Response> {
  const proxies = Object.entries(pools).map(
    ([name, pool]) => [`/${name}/`, createProxyHandler({ ...optionsOf(pool), basePath: `/${name}` })] as const,
  );
  return async (request) => {
    const { pathname } = new URL(request.url);
    const [, proxy] = proxies.find(([prefix]) => pathname.startsWith(prefix)) ?? [];
    return proxy === undefined ? new Response(null, { status: 404 }) : proxy(request);
  };
}
