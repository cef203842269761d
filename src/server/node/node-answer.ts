import type { BodyWatch } from "../../attempt/call.ts";
import type { UpstreamBody } from "./upstream-body.ts";

export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers as Node has them, read as `Headers` are. */
export class NodeHeaders {
  /** Names in lower case. */
  readonly record: HeaderRecord;

  constructor(record: HeaderRecord) {
    this.record = record;
  }

  get(name: string): string | null {
    const value = this.record[name];
    if (value === undefined) return null;
    return typeof value === "string" ? value : value.join(", ");
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    for (const name in this.record) {
      const value = this.get(name);
      if (value !== null) yield [name, value];
    }
  }
}

/** Texts of a head are bytes. Where undici takes them for UTF-8, Node, which takes them for Latin-1, refuses to send them. */
export function asBytes(text: string): string {
  return /[\u0100-\uffff]/.test(text) ? Buffer.from(text).toString("latin1") : text;
}

/** An answer as the adapter of node:http has it. */
export interface NodeAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: NodeHeaders;
  readonly body: UpstreamBody;
  /** Did the transport take the encoding off its body? */
  readonly isDecoded: boolean;
  readonly watch?: BodyWatch | undefined;
}
