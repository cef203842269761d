import type { Clock } from "./types.ts";

/** The longest delay `setTimeout` holds; one millisecond more and it fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The platform's clock and timers. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  timersEndWithRequest: globalThis.navigator?.userAgent === "Cloudflare-Workers",
  timer(callback, delayMs, background = false) {
    if (delayMs > longestTimerMs) return longTimer(callback, delayMs, background);
    const handle = setTimeout(callback, delayMs);
    if (background) letEnd(handle);
    return () => clearTimeout(handle);
  },
};

/** A timer in steps that the platform can hold. */
function longTimer(callback: () => void, delayMs: number, background: boolean): () => void {
  let remainingMs = delayMs;
  let handle: ReturnType<typeof setTimeout>;
  const arm = (): void => {
    const stepMs = Math.min(remainingMs, longestTimerMs);
    remainingMs -= stepMs;
    handle = setTimeout(remainingMs > 0 ? arm : callback, stepMs);
    if (background) letEnd(handle);
  };
  arm();
  return () => clearTimeout(handle);
}

/** Only where timers can keep a process alive is there anything to undo. */
function letEnd(handle: unknown): void {
  (handle as { unref?: () => void }).unref?.();
}

/** Waits for a function of the user's, but no longer than `longestMs`; then `late` says what is thrown. */
export function atMost<T>(work: Promise<T>, longestMs: number, clock: Clock, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(() => reject(late()), longestMs, true);
    work.then(resolve, reject).finally(cancel);
  });
}
