import type { ExhaustedAnswer, Reply, Transport } from "../../attempt/call.ts";
import { giveUp } from "../../fetch/bodies/abort-watch.ts";
import { type BodyReader, type IdleLimit, readerOf, readWithin } from "../../fetch/bodies/passed-body.ts";
import type { Lease } from "../../pool/lease.ts";
import type { ProxiedCall, ProxyTransport } from "../proxy/proxied-call.ts";
import { madeAnswer } from "./made-answer.ts";
import { type NodeAnswer, NodeHeaders } from "./node-answer.ts";
import { NodeReply } from "./node-reply.ts";
import { UpstreamBody } from "./upstream-body.ts";

interface FetchedAnswer extends NodeAnswer {
  readonly response: Response;
}

/** Sends through a `fetch`, for where undici itself is not to be had. */
export class FetchNodeTransport implements Transport<ProxiedCall, NodeAnswer> {
  readonly #inner: ProxyTransport;
  readonly #fetched: (response: Response) => FetchedAnswer;

  /** @param idle @default a body may be silent for as long as the transport lets it */
  constructor(inner: ProxyTransport, idle?: IdleLimit | undefined) {
    this.#inner = inner;
    this.#fetched = (response) => fetched(response, idle);
  }

  send(call: ProxiedCall, lease: Lease, signal: AbortSignal | undefined): Promise<NodeAnswer> {
    return this.#inner.send(call, lease, signal).then(this.#fetched);
  }

  async follow(
    call: ProxiedCall,
    lease: Lease,
    answer: NodeAnswer,
    signal: AbortSignal | undefined,
  ): Promise<NodeAnswer> {
    const { response } = answer as FetchedAnswer;
    const last = await this.#inner.follow(call, lease, response, signal);
    return last === response ? answer : this.#fetched(last);
  }

  open(answer: NodeAnswer): NodeReply {
    return new NodeReply(answer);
  }

  exhausted(_call: ProxiedCall, answer: ExhaustedAnswer, last: Reply<NodeAnswer> | undefined): NodeAnswer {
    return madeAnswer(answer, last);
  }
}

function fetched(response: Response, idle: IdleLimit | undefined): FetchedAnswer {
  const { status, statusText, headers } = response;
  return {
    status,
    statusText,
    headers: new NodeHeaders(recordOf(headers)),
    body: bodyOf(response, idle),
    isDecoded: headers.has("content-encoding"),
    response,
  };
}

function recordOf(headers: Headers): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of headers) record[name] = value;
  return record;
}

/** Reads on whenever somebody takes what comes; not before anybody does, because redirects are followed without. */
function bodyOf(response: Response, idle: IdleLimit | undefined): UpstreamBody {
  const { body: stream } = response;
  let reader: BodyReader | undefined;
  let isWanted = false;
  let isReading = false;
  const pump = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      if (stream !== null) reader ??= readerOf(stream);
      while (isWanted) {
        if (reader === undefined) return body.end();
        const part = await (idle === undefined ? reader.read() : readWithin(reader, idle));
        if (part.done) return body.end();
        body.push(part.value);
      }
    } catch (error) {
      body.fail(error);
    } finally {
      isReading = false;
    }
  };
  const body = new UpstreamBody(
    {
      pause() {
        isWanted = false;
      },
      resume() {
        isWanted = true;
        void pump();
      },
      cancel(reason) {
        isWanted = false;
        if (reader === undefined) giveUp(response);
        else reader.cancel(reason).catch(() => {});
      },
    },
    true,
  );
  if (stream === null) body.end();
  return body;
}
