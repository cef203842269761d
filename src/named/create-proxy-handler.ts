import * as objects from "../server/proxy/create-proxy-handler.ts";
import { type KeyRotator, makeKeyRotator } from "./key-rotator.ts";
import { type ProxyOptions, withObjects } from "./options.ts";

/** Answers requests with what a provider answers to one of the pool's keys. */
export type ProxyHandler = objects.ProxyHandler<KeyRotator>;

/**
 * A proxy in front of a provider, for every server that speaks `Request` and `Response`: clients send what they would send to
 * the provider, without a key of its own.
 *
 * What fails is answered as well: 502 when the provider cannot be reached, 504 when it is too late, 503 when the pool is closed.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * const proxy = createProxyHandler({ provider: "openai", keys, authorize: [process.env.CLIENT_TOKEN] });
 * export default { fetch: proxy };
 */
export function createProxyHandler(options: ProxyOptions): ProxyHandler {
  return objects.makeProxyHandler(withObjects(options), makeKeyRotator) as ProxyHandler;
}
