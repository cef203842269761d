import { isPromise } from "../../realms.ts";
import type { Awaitable, Clock } from "../../types.ts";

/** What ends a wait for something that may never come. */
export interface WaitBound {
  readonly signal?: AbortSignal | null | undefined;
  /** Monotonic milliseconds. @default never */
  readonly endsAt?: number | undefined;
  /** The option that set that time. @default "totalTimeoutMs" */
  readonly endedBy?: string | undefined;
}

/** Reasons with which a wait was ended: timers may fire a moment early, so the clock does not tell. */
const endings = new WeakSet<object>();

/** What a call that was given up rejects with. Signals of older classes have no reason; the platform's may have `null`. */
export function abortReason(signal: { readonly reason?: unknown } | null | undefined): unknown {
  const reason = signal?.reason;
  return reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
}

/** What a bounded call rejects with, as `AbortSignal.timeout` does. */
export function timeoutReason(option: string): DOMException {
  return new DOMException(`The request took longer than \`${option}\` allows.`, "TimeoutError");
}

/** What a body that sent nothing for too long ends with. */
export function idleReason(): DOMException {
  return new DOMException("The response sent nothing for longer than `idleTimeoutMs` allows.", "TimeoutError");
}

/**
 * Waits for what somebody else's code promises, but not beyond the caller's signal or time: it rejects with their reason.
 * `late` gets what comes after that.
 */
export function untilEnded<T>(
  work: Awaitable<T>,
  bound: WaitBound,
  clock: Clock,
  late: (value: T) => void = () => {},
): Awaitable<T> {
  const { signal, endsAt = Number.POSITIVE_INFINITY, endedBy = "totalTimeoutMs" } = bound;
  if (!isPromise(work)) return work;
  if (endsAt === Number.POSITIVE_INFINITY && (signal === undefined || signal === null)) return work;
  return new Promise((resolve, reject) => {
    let cancelTimer = (): void => {};
    let isOver = false;
    const onAbort = (): void => end(() => reject(abortReason(signal)));
    const end = (settle: () => void): void => {
      isOver = true;
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    work.then(
      (value) => {
        if (isOver) late(value);
        else end(() => resolve(value));
      },
      (error: unknown) => end(() => reject(error)),
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (endsAt === Number.POSITIVE_INFINITY) return;
    const onTime = (): void => {
      const reason = timeoutReason(endedBy);
      endings.add(reason);
      end(() => reject(reason));
    };
    cancelTimer = clock.timer(onTime, Math.max(0, endsAt - clock.monotonic()));
  });
}

/** Is it the caller's signal or time that ended a wait with this error? */
export function isEnding(error: unknown, { signal }: WaitBound): boolean {
  return signal?.aborted === true || (typeof error === "object" && error !== null && endings.has(error));
}
