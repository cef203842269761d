import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type * as NodeEntry from "../../src/node.ts";
import { type Handler, loadExpress, loadFastify, loadHono, loadProxyMiddleware, loadUndici } from "./peers.ts";

// What runs for every request has no named functions inside: the loader that makes these files run names each of them anew.

export interface Setup {
  /** Where the provider listens, such as `http://127.0.0.1:8080`. */
  readonly upstream: string;
  readonly keys: readonly string[];
  /** What clients send in place of a key. */
  readonly token: string;
}

/** Starts a proxy; resolves with its port. */
export type Start = (setup: Setup) => Promise<number>;

type MakeHandler = (setup: Setup) => Promise<Handler>;

/** The client's headers, without what belongs to its connection and with a key. */
function passedOn({ headers }: IncomingMessage, key: string): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const name in headers) {
    if (name !== "host" && !ofConnection(name)) kept[name] = headers[name] as string | string[];
  }
  kept["authorization"] = `Bearer ${key}`;
  return kept;
}

function ofConnection(name: string): boolean {
  return name === "connection" || name === "keep-alive" || name === "transfer-encoding";
}

/** The way undici's documentation shows: a stream in, a stream out. */
const undiciPipe: MakeHandler = async ({ upstream, keys: [key = ""] }) => {
  const { Pool } = await loadUndici();
  const pool = new Pool(upstream);
  return (request, response) => {
    const { method, url: path } = request;
    const body = method === "GET" || method === "HEAD" ? null : request;
    pool
      .stream({ path, method, headers: passedOn(request, key), body, opaque: response }, toResponse)
      .catch(() => response.destroy());
  };
};

function toResponse(answer: {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[]>;
  readonly opaque: unknown;
}): ServerResponse {
  return (answer.opaque as ServerResponse).writeHead(answer.statusCode, withoutConnection(answer.headers));
}

function withoutConnection(headers: Record<string, string | string[]>): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const name in headers) if (!ofConnection(name)) kept[name] = headers[name] as string | string[];
  return kept;
}

/** The same with what the platform brings along. Of a client that leaves the provider is told only where that is asked for. */
const fetchPipe =
  (aborts: boolean): MakeHandler =>
  async ({ upstream, keys: [key = ""] }) =>
  (request, response) => {
    pipeThroughFetch(request, response, upstream, key, aborts).catch(() => response.destroy());
  };

async function pipeThroughFetch(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: string,
  key: string,
  aborts: boolean,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  const init: Record<string, unknown> = { method, headers: passedOn(request, key) };
  if (method !== "GET" && method !== "HEAD") {
    init["body"] = request;
    init["duplex"] = "half";
  }
  if (aborts) {
    const controller = new AbortController();
    response.once("close", () => response.writableEnded || controller.abort());
    init["signal"] = controller.signal;
  }
  const answer = await fetch(upstream + url, init as RequestInit);
  response.writeHead(answer.status, withoutConnection(Object.fromEntries(answer.headers)));
  if (answer.body === null) response.end();
  else Readable.fromWeb(answer.body as never).pipe(response);
}

const rotating =
  (transport: "undici" | "fetch"): MakeHandler =>
  async ({ upstream, keys, token }) => {
    // Loaded by address: types must be checkable before anything is built.
    const { createNodeProxy } = (await import(new URL("../../dist/node.js", import.meta.url).href)) as typeof NodeEntry;
    return createNodeProxy({ provider: "openai", target: upstream, keys: [...keys], authorize: [token], transport });
  };

const proxyMiddleware: MakeHandler = async ({ upstream, keys: [key = ""] }) => {
  const createProxyMiddleware = await loadProxyMiddleware();
  const agent = new Agent({ keepAlive: true });
  return createProxyMiddleware({ target: upstream, agent, headers: { authorization: `Bearer ${key}` } });
};

/** A proxy in a server of Node's own. */
export const inNode =
  (make: MakeHandler): Start =>
  async (setup) => {
    const handle = await make(setup);
    const server = createServer((request, response) => handle(request, response, () => response.destroy()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };

/** A proxy as the middleware of an Express app. */
export const inExpress =
  (make: MakeHandler): Start =>
  async (setup) => {
    const express = await loadExpress();
    const app = express();
    app.disable("x-powered-by");
    app.use(await make(setup));
    return new Promise((resolve) => {
      const server = app.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  };

const inFastify: Start = async ({ upstream, keys: [key = ""] }) => {
  const { fastify, httpProxy } = await loadFastify();
  const app = fastify();
  const rewriteRequestHeaders = (_request: unknown, headers: object): object => ({
    ...headers,
    authorization: `Bearer ${key}`,
  });
  app.register(httpProxy, { upstream, replyOptions: { rewriteRequestHeaders } });
  return Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
};

const inHono: Start = async ({ upstream, keys: [key = ""] }) => {
  const { Hono, proxy, serve } = await loadHono();
  const app = new Hono();
  app.all("/*", ({ req }) =>
    proxy(`${upstream}${req.path}`, { ...req, headers: { ...req.header(), authorization: `Bearer ${key}` } }),
  );
  return new Promise((resolve) =>
    serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve(port)),
  );
};

/** Every proxy that runs in a process of ours, by name. */
export const servers = {
  "node: undici.stream pipe": inNode(undiciPipe),
  "node: rotating-fetch, undici": inNode(rotating("undici")),
  "node: fetch pipe": inNode(fetchPipe(false)),
  "node: fetch pipe that aborts": inNode(fetchPipe(true)),
  "node: rotating-fetch, fetch": inNode(rotating("fetch")),
  "node: http-proxy-middleware": inNode(proxyMiddleware),
  "express: undici.stream pipe": inExpress(undiciPipe),
  "express: rotating-fetch, undici": inExpress(rotating("undici")),
  "express: fetch pipe": inExpress(fetchPipe(false)),
  "express: fetch pipe that aborts": inExpress(fetchPipe(true)),
  "express: rotating-fetch, fetch": inExpress(rotating("fetch")),
  "express: http-proxy-middleware": inExpress(proxyMiddleware),
  "fastify: @fastify/http-proxy": inFastify,
  "hono: proxy helper": inHono,
} as const satisfies Readonly<Record<string, Start>>;

export type ServerName = keyof typeof servers;
