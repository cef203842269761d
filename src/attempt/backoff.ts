import type { Clock, Random } from "../types.ts";

const firstMs = 500;
const longestMs = 8000;
/** A pause is spread over 80 to 120 % of itself, lest those who failed together come back together. */
const spread = 0.4;

/** The pause after the given failed attempt (1 for the first), milliseconds. */
export function backoffMs(attempt: number, random: Random): number {
  return Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (1 - spread / 2 + spread * random());
}

/** Resolves after so many milliseconds, or rejects with the signal's reason at once. */
export function pause(delayMs: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.timer(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
