import type { ExhaustedAnswer, Reply } from "../../attempt/call.ts";
import { exhaustedHeaders } from "../../attempt/exhausted-answer.ts";
import { type NodeAnswer, NodeHeaders } from "./node-answer.ts";
import { UpstreamBody } from "./upstream-body.ts";

const nothing = { pause(): void {}, resume(): void {}, cancel(): void {} };

/** A body that is here as a whole. */
function bodyOf(bytes: Uint8Array): UpstreamBody {
  const body = new UpstreamBody(nothing);
  if (bytes.length > 0) body.push(bytes);
  body.end();
  return body;
}

/** The answer of an exhausted pool: the provider's last refusal where there is one, else one like it. */
export function madeAnswer(answer: ExhaustedAnswer, last: Reply<NodeAnswer> | undefined): NodeAnswer {
  const told = exhaustedHeaders(answer);
  if (last !== undefined) return last.deliver(undefined, told);
  const record: Record<string, string> = { "content-type": "application/json" };
  for (const [name, value] of Object.entries(told)) if (value !== null) record[name] = value;
  return {
    status: answer.status,
    statusText: "",
    headers: new NodeHeaders(record),
    body: bodyOf(Buffer.from(answer.body)),
    isDecoded: false,
  };
}

/** A `Response` of the user's own making. */
export async function answerOf(response: Response): Promise<NodeAnswer> {
  const { status, statusText, headers } = response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status,
    statusText,
    headers: new NodeHeaders(Object.fromEntries(headers)),
    body: bodyOf(bytes),
    isDecoded: true,
  };
}
