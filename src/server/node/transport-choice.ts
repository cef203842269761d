import type { Transport } from "../../attempt/call.ts";
import { expectMethods, unexpected } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { ResolvedCallingOptions } from "../../fetch/fetch-options.ts";
import { type ProxiedCall, ProxyTransport } from "../proxy/proxied-call.ts";
import { FetchNodeTransport } from "./fetch-node-transport.ts";
import type { NodeAnswer } from "./node-answer.ts";
import { type Dispatching, UndiciTransport } from "./undici-transport.ts";

/** What sends a proxy's requests. */
export type ProxyTransportChoice = "undici" | "fetch" | Dispatching;

/** Which redirects are followed with a key. */
type MayFollow = (url: string) => boolean;

type NodeTransport = Transport<ProxiedCall, NodeAnswer>;

/**
 * The transport that was chosen, or the best there is.
 * @throws InvalidOptionsError, also as a rejection where a package that was asked for is not installed.
 */
export function resolveTransport(
  choice: ProxyTransportChoice | undefined,
  calling: ResolvedCallingOptions,
  mayFollow: MayFollow,
): Promise<NodeTransport> | NodeTransport {
  if (choice === "fetch" || (choice === undefined && calling.fetch !== undefined))
    return throughFetch(calling, mayFollow);
  if (typeof choice === "object")
    return through(expectMethods<Dispatching>("transport", ["dispatch"], choice), calling, mayFollow);
  if (choice !== undefined && choice !== "undici")
    throw unexpected("transport", '"undici", "fetch" or a dispatcher', choice);
  return throughPackage(choice === "undici", calling, mayFollow);
}

async function throughPackage(
  isAskedFor: boolean,
  calling: ResolvedCallingOptions,
  mayFollow: MayFollow,
): Promise<NodeTransport> {
  try {
    const { Agent } = await import("undici");
    return through(new Agent(), calling, mayFollow);
  } catch (cause) {
    if (!isAskedFor) return throughFetch(calling, mayFollow);
    throw new InvalidOptionsError(
      "transport",
      'Expected the package `undici` to be installed for `transport: "undici"`',
      {
        cause,
      },
    );
  }
}

function through(dispatcher: Dispatching, calling: ResolvedCallingOptions, mayFollow: MayFollow): NodeTransport {
  const { endpoints, idleTimeoutMs } = calling;
  const own = throughFetch(calling, mayFollow);
  return new UndiciTransport({ dispatcher, endpoints, idleTimeoutMs, mayFollow, throughFetch: own });
}

function throughFetch(
  { pool, fetch, endpoints, idleTimeoutMs }: ResolvedCallingOptions,
  mayFollow: MayFollow,
): NodeTransport {
  const idle = idleTimeoutMs === undefined ? undefined : { idleTimeoutMs, clock: pool.options.clock };
  return new FetchNodeTransport(new ProxyTransport({ fetch, endpoints, mayFollow }), idle);
}
