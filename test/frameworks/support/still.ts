import { setTimeout as pause } from "node:timers/promises";

/** So long nothing must change before something counts as standing still: far longer than a scheduler takes. */
const stillMs = 150;

/** The number at which something stands still. That nothing happens any more is no event that could be awaited. */
export async function untilStill(read: () => number): Promise<number> {
  let last = -1;
  for (let now = read(); now !== last; now = read()) {
    last = now;
    await pause(stillMs);
  }
  return last;
}
