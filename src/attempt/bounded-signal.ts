import { timeoutReason } from "../pool/waiting/bounded-wait.ts";
import type { Clock } from "../types.ts";

export interface BoundedSignal {
  readonly signal: AbortSignal;
  /** The bound lasts to the headers of an answer that is handed over, or to the end of a refusal's body. */
  end(): void;
}

/** A signal that ends with the caller's, with the attempt's bound or with the call's, whichever is first. */
export function boundedSignal(
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
