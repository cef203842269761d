import * as objects from "../server/node/create-node-proxy.ts";
import { type KeyRotator, makeKeyRotator } from "./key-rotator.ts";
import { type ProxyOptions, withObjects } from "./options.ts";

/** Options of a proxy on node:http. */
export type NodeProxyOptions = ProxyOptions & objects.NodeProxyingOptions;

/** Answers requests of node:http, and of frameworks on top of it, with what a provider answers to one of the pool's keys. */
export type NodeProxyHandler = objects.NodeProxyHandler<KeyRotator>;

/**
 * A proxy in front of a provider for node:http: clients send what they would send to the provider, without a key of its own.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * createServer(createNodeProxy({ provider: "openai", keys, authorize: [process.env.CLIENT_TOKEN] })).listen(8080);
 */
export function createNodeProxy(options: NodeProxyOptions): NodeProxyHandler {
  return objects.makeNodeProxy(withObjects(options), makeKeyRotator) as NodeProxyHandler;
}
