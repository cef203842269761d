import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import express5 from "express";
import express4 from "express-4";
import fastify from "fastify";
import Koa from "koa";
import mount from "koa-mount";
import { createNodeProxy, type NodeProxyOptions } from "../../../src/node.ts";
import { rotatingProxy as expressProxy } from "../../../src/server/middleware/express.ts";
import { rotatingProxy as koaProxy } from "../../../src/server/middleware/koa.ts";
import { optionsOf, type Pools } from "./pools.ts";
import { honoApp } from "./web-apps.ts";

export interface RunningServer {
  readonly origin: string;
  stop(): Promise<void>;
}

/** Serves proxies, each below `/<name>`. */
export type StartServer = (pools: Pools) => Promise<RunningServer>;

type Transport = "undici" | "fetch";

export async function running(server: Server): Promise<RunningServer> {
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function listening(listener: RequestListener): Promise<RunningServer> {
  return running(createServer(listener));
}

function nodeOptions(pools: Pools, transport: Transport): [name: string, options: NodeProxyOptions][] {
  return Object.entries(pools).map(([name, pool]) => [name, { ...optionsOf(pool), transport }]);
}

function onExpress(express: typeof express5, transport: Transport): StartServer {
  return (pools) => {
    const app = express().set("env", "test");
    for (const [name, options] of nodeOptions(pools, transport)) app.use(`/${name}`, expressProxy(options));
    return listening(app);
  };
}

export const onExpress4 = (transport: Transport): StartServer => onExpress(express4, transport);
export const onExpress5 = (transport: Transport): StartServer => onExpress(express5, transport);

export function onKoa(transport: Transport): StartServer {
  return (pools) => {
    const app = new Koa();
    app.silent = true;
    for (const [name, options] of nodeOptions(pools, transport)) app.use(mount(`/${name}`, koaProxy(options)));
    return listening(app.callback());
  };
}

/** Bodies are left to the proxy, and failures come back to Fastify, as long as nothing was sent. */
export function onFastify(transport: Transport): StartServer {
  return async (pools) => {
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const [name, options] of nodeOptions(pools, transport)) {
      const proxy = createNodeProxy({ ...options, basePath: `/${name}` });
      app.all(`/${name}/*`, (request, reply) => {
        return new Promise((resolve, reject) => {
          reply.raw.once("close", resolve);
          proxy(request.raw, reply.raw, reject);
        });
      });
    }
    await app.listen({ host: "127.0.0.1", port: 0 });
    return running(app.server);
  };
}

export function onNode(transport: Transport): StartServer {
  return (pools) => {
    const proxies = nodeOptions(pools, transport).map(
      ([name, options]) => [`/${name}/`, createNodeProxy({ ...options, basePath: `/${name}` })] as const,
    );
    return listening((request, response) => {
      const [, proxy] = proxies.find(([prefix]) => request.url?.startsWith(prefix)) ?? [];
      if (proxy === undefined) response.writeHead(404).end();
      else proxy(request, response);
    });
  };
}

export const onHono: StartServer = (pools) => {
  const server = serve({ fetch: honoApp(pools).fetch, hostname: "127.0.0.1", port: 0 });
  return once(server, "listening").then(() => running(server as Server));
};
