import { createNodeProxy, type NodeProxyOptions } from "../../named/create-node-proxy.ts";
import type { KeyRotator } from "../../named/key-rotator.ts";
import type { AdminOptions } from "../admin/create-admin-handler.ts";
import { createAdminHandler } from "../admin/create-admin-handler.ts";
import { type NodeHandler, nodeHandlerOf } from "../node/web-bridge.ts";

export type { NodeHandler } from "../node/web-bridge.ts";

/**
 * A proxy in front of a provider, for Express 4 and 5. Paths below its mount are those of the provider. Mount it before
 * anything that reads bodies (`express.json()`), which changes bytes and has limits of its own.
 *
 * What fails goes to the app's error handler, with a `status`.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * app.use("/llm", rotatingProxy({ provider: "openai", keys, authorize: [process.env.CLIENT_TOKEN] }));
 */
export function rotatingProxy(options: NodeProxyOptions): NodeHandler & { readonly rotator: KeyRotator } {
  return createNodeProxy(options);
}

/**
 * The admin API, for Express 4 and 5.
 * @throws InvalidOptionsError naming the option that cannot work; without a token there is no handler.
 * @example
 * app.use("/admin", keyAdmin({ rotators: proxy.rotator, tokens: [process.env.ADMIN_TOKEN] }));
 */
export function keyAdmin(options: AdminOptions): NodeHandler {
  return nodeHandlerOf(createAdminHandler(options));
}
