import type { Transport } from "../../attempt/call.ts";
import { expectMethods, unexpected } from "../../core/expectations.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { ResolvedCallingOptions } from "../../fetch/fetch-options.ts";
import { type ProxiedCall, ProxyTransport } from "../../http/proxied-call.ts";
import { FetchNodeTransport } from "./fetch-node-transport.ts";
import type { NodeAnswer } from "./node-answer.ts";
import { type Dispatching, UndiciTransport } from "./undici-transport.ts";

/** What sends a proxy's requests. */
export type ProxyTransportChoice = "undici" | "fetch" | Dispatching;

type NodeTransport = Transport<ProxiedCall, NodeAnswer>;

/**
 * The transport that was chosen, or the best there is.
 * @throws InvalidOptionsError, also as a rejection where a package that was asked for is not installed.
 */
export function resolveTransport(
  choice: ProxyTransportChoice | undefined,
  calling: ResolvedCallingOptions,
): Promise<NodeTransport> | NodeTransport {
  if (choice === "fetch" || (choice === undefined && calling.fetch !== undefined)) return throughFetch(calling);
  if (typeof choice === "object")
    return through(expectMethods<Dispatching>("transport", ["dispatch"], choice), calling);
  if (choice !== undefined && choice !== "undici")
    throw unexpected("transport", '"undici", "fetch" or a dispatcher', choice);
  return throughPackage(choice === "undici", calling);
}

async function throughPackage(isAskedFor: boolean, calling: ResolvedCallingOptions): Promise<NodeTransport> {
  try {
    const { Agent } = await import("undici");
    return through(new Agent(), calling);
  } catch (cause) {
    if (!isAskedFor) return throughFetch(calling);
    throw new InvalidOptionsError(
      "transport",
      'Expected the package `undici` to be installed for `transport: "undici"`',
      {
        cause,
      },
    );
  }
}

function through(dispatcher: Dispatching, { rotator, baseURL, idleTimeoutMs }: ResolvedCallingOptions): NodeTransport {
  return new UndiciTransport({ dispatcher, placement: rotator.provider.credential, baseURL, idleTimeoutMs });
}

function throughFetch({ rotator, fetch, baseURL, idleTimeoutMs }: ResolvedCallingOptions): NodeTransport {
  const idle = idleTimeoutMs === undefined ? undefined : { idleTimeoutMs, clock: rotator.options.clock };
  const placement = rotator.provider.credential;
  return new FetchNodeTransport(new ProxyTransport({ fetch, baseURL, placement, idle, staysAtOrigin: true }));
}
