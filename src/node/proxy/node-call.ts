import type { CallOptions } from "../../attempt/call.ts";
import { topLevelString } from "../../attempt/request-facts.ts";
import { ProxiedCall } from "../../http/proxied-call.ts";
import type { RequestShape } from "../../providers/provider.ts";

/** A model's name stands near the beginning of a body. */
const searchedBytes = 65_536;

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
  readonly #headers: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly #bytes: Buffer | undefined;
  #decoded: string | undefined = undefined;

  constructor(url: string, origin: string, init: NodeCallInit, options: CallOptions | undefined) {
    super(url, origin, init as never, options);
    this.#method = init.method;
    this.#headers = init.headers;
    this.#signal = init.signal;
    this.#bytes = init.body;
  }

  override get method(): string {
    return this.#method;
  }

  override get headers(): Record<string, string> {
    return this.#headers;
  }

  override get signal(): AbortSignal {
    return this.#signal;
  }

  override headerText(name: string): string | null {
    return this.#headers[name] ?? null;
  }

  override get text(): string | undefined {
    if (this.#bytes === undefined || this.rebuilt !== undefined) return super.text;
    if (this.#headers["content-type"]?.includes("json") !== true) return undefined;
    this.#decoded ??= this.#bytes.toString();
    return this.#decoded;
  }

  override findModel(shape: RequestShape): string | undefined {
    if (this.#bytes === undefined || this.rebuilt !== undefined || shape.modelInPath !== undefined)
      return super.findModel(shape);
    const text = this.#decoded ?? this.#bytes.toString("utf8", 0, searchedBytes);
    return topLevelString(text, shape.modelField ?? "model");
  }
}
