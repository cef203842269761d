import type { CallOptions } from "../../attempt/call.ts";
import { ProxiedCall } from "../proxy/proxied-call.ts";

export interface NodeCallInit {
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  readonly body: Buffer | undefined;
}

/** A call that came over node:http: what the platform knows of it already is not looked for again. */
export class NodeCall extends ProxiedCall {
  readonly #method: string;
  declare readonly headers: Record<string, string>;

  constructor(url: string, origin: string, init: NodeCallInit, options: CallOptions | undefined) {
    super(url, origin, init as never, options);
    this.#method = init.method;
  }

  override get method(): string {
    return this.#method;
  }

  override headerText(name: string): string | null {
    return this.headers[name] ?? null;
  }
}
