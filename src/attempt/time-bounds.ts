import { timeoutReason } from "../pool/waiting/bounded-wait.ts";
import type { Clock } from "../types.ts";
import { pause } from "./backoff.ts";
import type { Call } from "./call.ts";

export interface TimeBoundsOptions {
  readonly clock: Clock;
  /** Milliseconds to response headers; `undefined`: no bound. */
  readonly attemptTimeoutMs: number | undefined;
  /** Milliseconds for the whole call up to response headers; `undefined`: no bound. */
  readonly totalTimeoutMs: number | undefined;
  /** Milliseconds a call may wait inside, for keys and before repeats. */
  readonly maxWaitMs: number;
}

export interface BoundedSignal {
  readonly signal: AbortSignal;
  /** The bound lasts to the headers of an answer that is handed over, or to the end of a refusal's body. */
  end(): void;
}

/** How long a call, its attempts and its waits may take. */
export class TimeBounds {
  readonly #options: TimeBoundsOptions;

  constructor(options: TimeBoundsOptions) {
    this.#options = options;
  }

  /** Monotonic time at which a call is over, Infinity where it has no bound; notes in the call what set it. */
  endsAt(call: Call): number {
    const { totalTimeoutMs, clock } = this.#options;
    let endsAt = Number.POSITIVE_INFINITY;
    if (totalTimeoutMs !== undefined) endsAt = clock.monotonic() + totalTimeoutMs;
    const { deadline } = call;
    if (deadline === undefined) return endsAt;
    const deadlineAt = clock.monotonic() + deadline - clock.wall();
    if (deadlineAt < endsAt) call.endedBy = "deadline";
    return Math.min(endsAt, deadlineAt);
  }

  /** A signal of its own for an attempt that is bounded in time; others are sent with the caller's. */
  signalFor(call: Call, endsAt: number): BoundedSignal | undefined {
    const { attemptTimeoutMs, clock } = this.#options;
    if (attemptTimeoutMs === undefined && endsAt === Number.POSITIVE_INFINITY) return undefined;
    return boundedSignal(call.signal, attemptTimeoutMs, endsAt - clock.monotonic(), call.endedBy, clock);
  }

  /** Pauses a refused call until then, as an advisor asks; `false`: its caller would not wait so long. */
  async waitUntil(until: number, call: Call, endsAt: number): Promise<boolean> {
    const { clock } = this.#options;
    const waitMs = until - clock.monotonic();
    if (waitMs > this.patienceMs(call, endsAt)) return false;
    if (waitMs <= 0) return true;
    if (call.history !== undefined) call.history.waitedMs += waitMs;
    await pause(waitMs, clock, call.signal);
    return true;
  }

  /** How long the call may still wait: all its waits together take no longer than one may. */
  patienceMs(call: Call, endsAt: number): number {
    const { maxWaitMs, clock } = this.#options;
    const leftMs = maxWaitMs - (call.history?.waitedMs ?? 0);
    return Math.max(0, Math.min(leftMs, endsAt - clock.monotonic()));
  }
}

/** A signal that ends with the caller's, with the attempt's bound or with the call's, whichever is first. */
function boundedSignal(
  caller: AbortSignal | undefined,
  attemptTimeoutMs: number | undefined,
  leftMs: number,
  endedBy: string,
  clock: Clock,
): BoundedSignal {
  const boundMs = Math.max(0, Math.min(leftMs, attemptTimeoutMs ?? leftMs));
  const reason = timeoutReason(boundMs === attemptTimeoutMs ? "attemptTimeoutMs" : endedBy);
  const controller = new AbortController();
  const cancel = clock.timer(() => controller.abort(reason), boundMs);
  return {
    signal: caller === undefined ? controller.signal : AbortSignal.any([caller, controller.signal]),
    end: cancel,
  };
}
