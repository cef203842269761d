import type { KeyRotator } from "../core/key-rotator.ts";
import type { Lease } from "../core/lease.ts";
import type { UsageShape } from "../providers/provider.ts";
import type { Usage } from "../stores/store.ts";
import type { Answer, BodyEnd, Call, Transport } from "./call.ts";
import type { ResourcePins } from "./resource-pins.ts";
import { UsageReader } from "./usage-reader.ts";

export interface AnswerEndOptions {
  readonly usageShape: UsageShape | undefined;
  readonly pins: ResourcePins | undefined;
}

type OnChunk = (chunk: Uint8Array) => void;

function bothOf(reader: UsageReader | undefined, noteIds: OnChunk | undefined): OnChunk | undefined {
  if (reader === undefined) return noteIds;
  if (noteIds === undefined) return (chunk) => reader.push(chunk);
  return (chunk) => {
    reader.push(chunk);
    noteIds(chunk);
  };
}

/** Running totals of a stream that was cut are too low for what came out. */
function usageIn(reader: UsageReader, how: BodyEnd, shape: UsageShape | undefined): Usage | undefined {
  const usage = reader.finish();
  if (usage === undefined || how === "end" || shape?.cumulative !== true) return usage;
  return usage.inputTokens === undefined ? undefined : { inputTokens: usage.inputTokens };
}

const success = { outcome: "success" } as const;

/** Gives keys back when their answers are over: at once, or at the end of the body where something is counted to there. */
export class AnswerEnd<C extends Call, A extends Answer> {
  readonly #rotator: KeyRotator;
  readonly #transport: Transport<C, A>;
  readonly #options: AnswerEndOptions;

  constructor(rotator: KeyRotator, transport: Transport<C, A>, options: AnswerEndOptions) {
    this.#rotator = rotator;
    this.#transport = transport;
    this.#options = options;
  }

  /** The answer for the caller, and a lease that will be settled. */
  settle(call: C, lease: Lease, answer: A): A {
    const { pins } = this.#options;
    const noteIds = pins === undefined ? undefined : this.#noteIds(call, lease, answer, pins);
    if (!this.#rotator.countsToTheEnd && noteIds === undefined) {
      lease.settle(success);
      return answer;
    }
    return this.#settleAtTheEnd(call, lease, answer, noteIds);
  }

  #settleAtTheEnd(call: C, lease: Lease, answer: A, noteIds: OnChunk | undefined): A {
    lease.answered();
    const { usageShape } = this.#options;
    const reader = this.#rotator.countsTokens && usageShape !== undefined ? new UsageReader(usageShape) : undefined;
    const { signal } = call;
    const ended = (how: BodyEnd): void => {
      signal?.removeEventListener("abort", onAbort);
      const usage = reader === undefined ? undefined : usageIn(reader, how, usageShape);
      // A body that broke may be missed as late by its provider as one that was given up.
      if (how === "end") lease.settle({ outcome: "success", usage });
      else lease.settle({ outcome: how === "cancel" ? "aborted" : "success", sent: "unknown", usage });
    };
    // A body that nobody reads at this moment tells of no abort.
    const onAbort = (): void => ended("cancel");
    signal?.addEventListener("abort", onAbort, { once: true });
    return this.#transport.observe(answer, ended, bothOf(reader, noteIds));
  }

  /** Only where there is a choice of accounts does it matter who made what. */
  #noteIds(call: C, lease: Lease, answer: A, pins: ResourcePins): OnChunk | undefined {
    if (this.#rotator.accountCount < 2 || !pins.mayMake(call.method, call.url)) return undefined;
    pins.noteHeaders(answer.headers, lease.account);
    return pins.noteBody(lease.account);
  }
}
