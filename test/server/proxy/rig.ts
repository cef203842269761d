import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { createProxyHandler, type KeyRotator, type ProxyOptions } from "../../../src/index.ts";
import { createNodeProxy } from "../../../src/node.ts";
import { nodeHandlerOf } from "../../../src/server/node/web-bridge.ts";
import { type KeyRole, Upstream } from "./upstream.ts";

/** Ways a request takes through the library: by node:http with either transport, and by `Request` and `Response`. */
export const faces = ["undici", "fetch", "web"] as const;
export type Face = (typeof faces)[number];

export interface Rig {
  readonly upstream: Upstream;
  readonly rotator: KeyRotator;
  /** Where the proxy listens. */
  readonly origin: string;
  readonly token: string;
  /** What a client sends to be let through. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RigOptions {
  readonly face?: Face | undefined;
  readonly roles?: readonly KeyRole[] | undefined;
  readonly options?: Partial<ProxyOptions> | undefined;
  readonly server?: ServerOptions | undefined;
  /** Path of the target. @default "/v1" */
  readonly base?: string | undefined;
}

export const newToken = (): string => `client-${randomBytes(16).toString("hex")}`;

/** Serves until the test is over. */
export async function serving(listener: RequestListener, options: ServerOptions = {}): Promise<string> {
  const server = createServer(options, listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A provider and a proxy in front of it. */
export async function startRig({
  face = "undici",
  roles = ["good"],
  options,
  server,
  base = "/v1",
}: RigOptions = {}): Promise<Rig> {
  const upstream = await new Upstream().start();
  onTestFinished(() => upstream.stop());
  const token = newToken();
  const all = {
    provider: "generic",
    strategy: "fill_first",
    maxWaitMs: 0,
    retries: 0,
    keys: roles.map((role) => upstream.key(role)),
    target: `${upstream.origin}${base}`,
    authorize: [token],
    ...options,
  } as ProxyOptions;
  const { listener, rotator } = handlerOf(all, face);
  return {
    upstream,
    rotator,
    token,
    origin: await serving(listener, server),
    headers: { authorization: `Bearer ${token}` },
  };
}

export function handlerOf(options: ProxyOptions, face: Face): { listener: RequestListener; rotator: KeyRotator } {
  if (face !== "web") {
    const proxy = createNodeProxy({ ...options, transport: face });
    return { listener: (request, response) => proxy(request, response), rotator: proxy.rotator };
  }
  const proxy = createProxyHandler(options);
  const handle = nodeHandlerOf(proxy);
  return { listener: (request, response) => handle(request, response), rotator: proxy.rotator };
}
