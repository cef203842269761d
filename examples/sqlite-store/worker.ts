/** One of several processes with the same keys and limits. It is told what to do in its first message. */
import { createRotatingFetch, type KeyConfig, type Limit } from "rotating-fetch";
import { SqliteStore } from "./sqlite-store.ts";

export interface WorkerOrders {
  /** The database file that all of them share. */
  readonly path: string;
  readonly baseURL: string;
  readonly keys: readonly KeyConfig[];
  readonly limits: readonly Limit[];
  readonly requests: number;
  readonly atOnce: number;
}

export type WorkerMessage = { readonly ready: true } | { readonly served: number; readonly refused: number };

async function work({ path, baseURL, keys, limits, requests, atOnce }: WorkerOrders): Promise<void> {
  const store = new SqliteStore({ path });
  // Where processes outnumber cores, one may be kept for so long from sending what it has reserved.
  const fetch = createRotatingFetch({ keys, limits, baseURL, store, guardMs: 200, maxWaitMs: 30_000 });
  tell({ ready: true });
  await told("go");
  let [left, served, refused] = [requests, 0, 0];
  const ask = async (): Promise<void> => {
    while (left-- > 0) {
      const response = await fetch(`${baseURL}/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Say hello." }] }),
      });
      await response.body?.cancel();
      if (response.ok) served++;
      else refused++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  await fetch.rotator.close();
  tell({ served, refused });
  process.disconnect?.();
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

function told(word: string): Promise<void> {
  return new Promise((resolve) => {
    process.on("message", (message) => {
      if (message === word) resolve();
    });
  });
}

process.once("message", (orders: WorkerOrders) => void work(orders));
