import type { BodyWatch, Reply } from "../../attempt/call.ts";
import { type NodeAnswer, NodeHeaders } from "./node-answer.ts";

/** A `NodeAnswer` as the attempt loop looks into it. */
export class NodeReply implements Reply<NodeAnswer> {
  readonly #answer: NodeAnswer;
  /** Ends what is being read. */
  #stopReading: (() => void) | undefined;

  constructor(answer: NodeAnswer) {
    this.#answer = answer;
  }

  get status(): number {
    return this.#answer.status;
  }

  get headers(): NodeHeaders {
    return this.#answer.headers;
  }

  async readCapped(maxBytes: number): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    await this.readUntil((chunk) => {
      size += chunk.length;
      text += decoder.decode(chunk, { stream: true });
      return size >= maxBytes;
    });
    return text;
  }

  readUntil(
    seenEnough: (chunk: Uint8Array) => boolean,
    interrupt?: Promise<"late">,
  ): Promise<"enough" | "end" | "late"> {
    const { body } = this.#answer;
    return new Promise((resolve, reject) => {
      const seen: Uint8Array[] = [];
      let isOver = false;
      const stop = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        body.leave(seen);
        settle();
      };
      this.#stopReading = () => stop(() => resolve("end"));
      body.take({
        data: (chunk) => {
          seen.push(chunk);
          if (seenEnough(chunk)) stop(() => resolve("enough"));
        },
        end: () => stop(() => resolve("end")),
        fail: (error) => stop(() => reject(error)),
      });
      interrupt?.then(
        (late) => stop(() => resolve(late)),
        (error: unknown) => stop(() => reject(error)),
      );
    });
  }

  /** There is nothing to be made ready. */
  prepare(): void {}

  discard(): void {
    // Nothing more comes: whoever reads has to do with what there is.
    this.#stopReading?.();
    this.#answer.body.cancel();
  }

  deliver(watch?: BodyWatch | undefined, changed?: Readonly<Record<string, string | null>> | undefined): NodeAnswer {
    if (watch === undefined && changed === undefined) return this.#answer;
    const { headers } = this.#answer;
    return { ...this.#answer, watch, headers: changed === undefined ? headers : withChanges(headers, changed) };
  }
}

function withChanges({ record }: NodeHeaders, changed: Readonly<Record<string, string | null>>): NodeHeaders {
  const merged = { ...record };
  for (const [name, value] of Object.entries(changed)) {
    if (value === null) delete merged[name];
    else merged[name] = value;
  }
  return new NodeHeaders(merged);
}
