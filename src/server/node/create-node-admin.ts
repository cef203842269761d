import type { AdminOptions } from "../admin/create-admin-handler.ts";
import { createAdminHandler } from "../admin/create-admin-handler.ts";
import { type NodeHandler, nodeHandlerOf } from "./web-bridge.ts";

/**
 * The admin API for node:http.
 * @throws InvalidOptionsError naming the option that cannot work; without a token there is no handler.
 * @example
 * createServer(createNodeAdmin({ rotators: fetch.rotator, tokens: [process.env.ADMIN_TOKEN] })).listen(8081, "127.0.0.1");
 */
export function createNodeAdmin(options: AdminOptions): NodeHandler {
  return nodeHandlerOf(createAdminHandler(options));
}
