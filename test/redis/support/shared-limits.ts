import type { Bucket, Candidate, Refusal, Reservation, ReserveOptions, Store } from "../../../src/limits/store.ts";
import { ownTime } from "../../support/own-time.ts";

export const options: ReserveOptions = { leaseMs: 60_000, purpose: "request" };

/** Nobody else is about to start: otherwise that is known only after a second. */
export const allStarted = { insurance: { expectedInstances: 1 } } as const;

export function rolling(id: string, limit: number, windowMs: number): Bucket {
  return { id, kind: "rolling", dimension: "requests", limit, windowMs, guardMs: 25 };
}

export function places(id: string, limit: number): Bucket {
  return { id, kind: "concurrency", dimension: "concurrency", limit, guardMs: 25 };
}

export function wanting(keyId: string, ...buckets: readonly Bucket[]): Candidate {
  return {
    scopes: [`key:${keyId}`, `account:${keyId}`],
    needs: buckets.map((bucket) => ({ bucket, amount: 1 })),
  };
}

export async function ask(store: Store, candidate: Candidate): Promise<Reservation | Refusal> {
  return store.reserve([candidate], options);
}

/** How many are granted one after the other. */
export async function room(store: Store, candidate: Candidate): Promise<Reservation[]> {
  const granted: Reservation[] = [];
  for (;;) {
    const answer = await ask(store, candidate);
    if (!answer.granted) return granted;
    granted.push(answer);
    if (granted.length > 1000) throw new Error("A limit holds nothing back");
  }
}

/** Resolves when it holds; fails after so many milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 5000): Promise<void> {
  const deadline = ownTime.now() + withinMs;
  while (!(await holds())) {
    if (ownTime.now() > deadline) throw new Error(`It did not come true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
