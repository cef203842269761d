import { onTestFinished } from "vitest";
import type { FetchCall } from "./world.ts";

interface Sleep {
  readonly delayMs: number;
  readonly dueAt: number;
  readonly wake: () => void;
}

/** Shorter timers run as they are. */
const longMs = 300;
/** A client that has called nothing for so long is asleep. */
const idleMs = 40;

/**
 * Ends the pauses a client makes between its calls, the earliest first, as soon as no call is under way, until the test is
 * over. What is returned grows: the length of every pause that was cut, in milliseconds.
 */
export function cutLongSleeps(calls: readonly FetchCall[]): readonly number[] {
  const original = globalThis.setTimeout;
  const pending = new Map<NodeJS.Timeout, Sleep>();
  const cut: number[] = [];
  const patched = (callback: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]): NodeJS.Timeout => {
    const timer = original(() => {
      pending.delete(timer);
      callback(...given);
    }, delayMs);
    const wake = (): void => callback(...given);
    if (delayMs >= longMs) pending.set(timer, { delayMs, dueAt: performance.now() + delayMs, wake });
    return timer;
  };
  const originalClear = globalThis.clearTimeout;
  const patchedClear = (timer: NodeJS.Timeout): void => {
    pending.delete(timer);
    originalClear(timer);
  };
  Object.assign(globalThis, { setTimeout: patched, clearTimeout: patchedClear });
  let idleSince = performance.now();
  const watch = setInterval(() => {
    const isCalling = calls.length === 0 || calls.some(({ elapsedMs }) => elapsedMs === undefined);
    if (isCalling) idleSince = performance.now();
    if (performance.now() - idleSince < idleMs) return;
    idleSince = performance.now();
    const [first] = [...pending].sort(([, one], [, other]) => one.dueAt - other.dueAt);
    if (first === undefined) return;
    const [timer, { delayMs, wake }] = first;
    patchedClear(timer);
    cut.push(delayMs);
    wake();
  }, 5);
  onTestFinished(() => {
    clearInterval(watch);
    Object.assign(globalThis, { setTimeout: original, clearTimeout: originalClear });
  });
  return cut;
}
