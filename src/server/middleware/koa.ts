import type { IncomingMessage, ServerResponse } from "node:http";
import { createNodeProxy, type NodeProxyOptions } from "../../named/create-node-proxy.ts";
import type { KeyRotator } from "../../named/key-rotator.ts";
import type { AdminOptions } from "../admin/create-admin-handler.ts";
import { createAdminHandler } from "../admin/create-admin-handler.ts";
import { type NodeHandler, nodeHandlerOf } from "../node/web-bridge.ts";

/** What is used of Koa's context. */
interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Parsers leave what they read here, as `body` and `rawBody`. */
  readonly request: object;
  respond?: boolean | undefined;
}

export type KoaMiddleware = (context: KoaContext) => Promise<void>;

/**
 * A proxy in front of a provider, for Koa 3. Paths below its mount are those of the provider. What fails is thrown, with a
 * `status`.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * app.use(mount("/llm", rotatingProxy({ provider: "openai", keys, authorize: [process.env.CLIENT_TOKEN] })));
 */
export function rotatingProxy(options: NodeProxyOptions): KoaMiddleware & { readonly rotator: KeyRotator } {
  const handle = createNodeProxy(options);
  return Object.assign(middlewareOf(handle), { rotator: handle.rotator });
}

/**
 * The admin API, for Koa 3.
 * @throws InvalidOptionsError naming the option that cannot work; without a token there is no handler.
 */
export function keyAdmin(options: AdminOptions): KoaMiddleware {
  return middlewareOf(nodeHandlerOf(createAdminHandler(options)));
}

/** The answer is written past Koa, as it comes; until then Koa may still answer with an error. */
function middlewareOf(handle: NodeHandler): KoaMiddleware {
  return (context) => {
    const { req, res, request } = context;
    // Koa's parsers leave what they read elsewhere than those of others.
    const { body, rawBody } = request as { readonly body?: unknown; readonly rawBody?: unknown };
    if (body !== undefined && !("body" in req)) Object.assign(req, { body, rawBody });
    return new Promise((resolve, reject) => {
      context.respond = false;
      res.once("close", resolve);
      handle(req, res, (error) => {
        context.respond = true;
        reject(error);
      });
    });
  };
}
