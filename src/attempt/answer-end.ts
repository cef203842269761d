import type { ResourceShape, UsageShape } from "../judgement/provider.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import type { Clock, Usage } from "../types.ts";
import type { Answer, BodyEnd, BodyWatch, Call, Reply, Transport } from "./call.ts";
import { isEventStream } from "./reading/commitment.ts";
import { StreamEnding } from "./reading/stream-ending.ts";
import { UsageReader } from "./reading/usage-reader.ts";
import type { PoolPins } from "./resource-pins.ts";

export interface AnswerEndOptions {
  readonly clock: Clock;
  readonly pins: PoolPins;
  /** Milliseconds a body may send nothing; `undefined`: no bound. */
  readonly idleTimeoutMs: number | undefined;
}

/** Somebody who looks at a body that passes. */
type Watcher = Omit<BodyWatch, "signal">;

function both(one: Watcher | undefined, other: Watcher): Watcher {
  if (one === undefined) return other;
  return {
    onChunk(chunk) {
      one.onChunk?.(chunk);
      other.onChunk?.(chunk);
    },
    ended(how) {
      one.ended(how);
      other.ended(how);
    },
  };
}

/** Running totals of a stream that was cut are too low for what came out. */
function usageIn(reader: UsageReader, how: BodyEnd, shape: UsageShape | undefined): Usage | undefined {
  const usage = reader.finish();
  if (usage === undefined || how === "end" || shape?.cumulative !== true) return usage;
  return usage.inputTokens === undefined ? undefined : { inputTokens: usage.inputTokens };
}

/** What a lease is settled with when its answer was good. */
export const success = { outcome: "success" } as const;

/** Gives keys back when their answers are over: at once, or at the end of the body where something is counted to there. */
export class AnswerEnd<C extends Call, A extends Answer> {
  readonly #pool: CallPort;
  readonly #transport: Transport<C, A>;
  readonly #options: AnswerEndOptions;

  constructor(pool: CallPort, transport: Transport<C, A>, options: AnswerEndOptions) {
    this.#pool = pool;
    this.#transport = transport;
    this.#options = options;
  }

  /** The answer for the caller, and a lease that will be settled. `reply` is the answer, where it was looked into. */
  settle(
    call: C,
    lease: Lease,
    answer: A,
    reply: Reply<A> | undefined,
    changed: Readonly<Record<string, string>> | undefined,
  ): A {
    let watcher = this.#accountant(call, lease, answer);
    const reporter = this.#pool.events.isHeard ? this.#reporter(call, lease, answer) : undefined;
    if (reporter !== undefined) watcher = both(watcher, reporter);
    const teller = call.ending?.lookAt(lease.provider.provider.usage);
    if (teller !== undefined) watcher = both(watcher, teller);
    const { idleTimeoutMs } = this.#options;
    const isPlain = watcher === undefined && idleTimeoutMs === undefined && changed === undefined;
    if (isPlain && reply === undefined) return answer;
    const { ended = nobodyAsks, onChunk } = watcher ?? {};
    const { signal } = call;
    return (reply ?? this.#transport.open(answer)).deliver({ ended, onChunk, signal }, changed);
  }

  /** Whoever settles the lease; at once, where nothing is counted to the end of the body. */
  #accountant(call: C, lease: Lease, answer: A): Watcher | undefined {
    const { resources, usage: usageShape } = lease.provider.provider;
    const noteIds = resources === undefined ? undefined : this.#noteIds(resources, call, lease, answer);
    if (!this.#pool.countsToTheEnd && noteIds === undefined) {
      lease.settle(success);
      return undefined;
    }
    if (lease.answeredAt === 0) lease.answered();
    const isRead = this.#pool.countsTokens || this.#pool.observers.wants.attempts.has("usage");
    const reader = isRead && usageShape !== undefined ? new UsageReader(usageShape) : undefined;
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
    if (reader === undefined && noteIds === undefined) return { ended };
    const onChunk = (chunk: Uint8Array): void => {
      reader?.push(chunk);
      noteIds?.(chunk);
    };
    return { onChunk, ended };
  }

  /** Only where there is a choice of accounts does it matter who made what. */
  #noteIds(resources: ResourceShape, call: C, lease: Lease, answer: A): ((chunk: Uint8Array) => void) | undefined {
    if (this.#pool.accountCount < 2) return undefined;
    const pins = this.#options.pins.madeBy(resources, call.method, call.url);
    if (pins === undefined) return undefined;
    const { id } = lease.key.account;
    pins.noteHeaders(answer.headers, id);
    return pins.noteBody(id);
  }

  /** Whoever tells how a stream ended, for those who listen. */
  #reporter(call: C, lease: Lease, answer: A): Watcher | undefined {
    const { stream } = lease.provider.provider;
    if (stream === undefined || !this.#pool.wants("stream-ended")) return undefined;
    if (!isEventStream(answer.headers.get("content-type"))) return undefined;
    const { clock } = this.#options;
    const ending = new StreamEnding(stream);
    call.requestId ??= this.#pool.nameOf(call);
    const { requestId, tags } = call;
    const common = { requestId, attempt: call.history?.attempts ?? 1, keyId: lease.keyId, tags };
    const { startedAt } = lease;
    return {
      onChunk: (chunk) => ending.push(chunk),
      ended: (how) => {
        // A body breaks off when its caller's signal aborts, too.
        const isGivenUp = how === "cancel" || call.signal?.aborted === true;
        const outcome = how === "end" ? ending.finish() : isGivenUp ? "cancelled" : "broken";
        const elapsedMs = Math.ceil(clock.monotonic() - startedAt);
        this.#pool.emit("stream-ended", { ...common, outcome, elapsedMs });
      },
    };
  }
}

function nobodyAsks(): void {}
