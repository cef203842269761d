import type { CallOptions } from "../../attempt/call.ts";
import { giveUp, untilAborted } from "../../fetch/bodies/abort-watch.ts";
import { FetchCall } from "../../fetch/fetch-call.ts";
import { FetchTransport } from "../../fetch/fetch-transport.ts";
import type { Lease } from "../../pool/lease.ts";
import { isA } from "../../realms.ts";

const decoder = new TextDecoder();

/** A call made for a client of a proxy. */
export class ProxiedCall extends FetchCall {
  /** The secrets it was sent with: what comes back is cleaned of them. */
  readonly secrets = new Set<string>();
  readonly #bytes: Uint8Array<ArrayBuffer> | undefined;
  #text: string | undefined = undefined;

  constructor(
    url: string,
    origin: string,
    init: RequestInit & { headers: Record<string, string> },
    options: CallOptions | undefined,
  ) {
    super(url, origin, init, options);
    this.#bytes = isA(init.body, "Uint8Array") ? (init.body as Uint8Array<ArrayBuffer>) : undefined;
  }

  /** The body is kept as the bytes that came; only who looks into it needs the text. */
  override get text(): string | undefined {
    if (this.#bytes === undefined || this.rebuilt !== undefined) return super.text;
    if (this.headerText("content-type")?.includes("json") !== true) return undefined;
    this.#text ??= decoder.decode(this.#bytes);
    return this.#text;
  }
}

/** Sends the calls of a proxy's clients, and notes with which secrets. */
export class ProxyTransport extends FetchTransport {
  override send(call: ProxiedCall, lease: Lease, signal: AbortSignal | undefined): Promise<Response> {
    call.secrets.add(lease.secret);
    const sent = super.send(call, lease, signal);
    // Workers end what a request waits for when its client leaves: its key would not come back.
    return signal === undefined ? sent : untilAborted(sent, signal, giveUp);
  }
}
