import type { StoreChange, Unsubscribe } from "../../limits/store.ts";
import { nextMacrotask } from "../next-macrotask.ts";

/** So often something is made to happen before nobody expects any more that it is told. */
const attempts = 200;
/** How long after it happened one listens before it happens again, milliseconds of real time. */
const listensMs = 10;

/**
 * Is it told? A way from one process to another takes real time, which no test's clock moves, and may still be opening: so it is
 * made to happen until it is heard of.
 */
export async function heard(
  watch: (listener: (change: StoreChange) => void) => Unsubscribe,
  isIt: (change: StoreChange) => boolean,
  happen: () => Promise<void>,
): Promise<boolean> {
  let isTold = false;
  const stop = watch((change) => {
    isTold ||= isIt(change);
  });
  try {
    for (let attempt = 0; attempt < attempts && !isTold; attempt++) {
      await happen();
      await nextMacrotask();
      if (!isTold && attempt > 0) await new Promise((resolve) => setTimeout(resolve, listensMs));
    }
  } finally {
    stop();
  }
  return isTold;
}
