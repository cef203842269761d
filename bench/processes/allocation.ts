import {
  freshHeadersInit,
  handWritten,
  type MakeInit,
  manyHeadersInit,
  plainInit,
  reusedHeadersInit,
  type Send,
  stub,
  url,
  wrapper,
} from "../calls.ts";
import { makeKeys } from "../library.ts";
import { roundsOf, shuffled } from "../measure.ts";
import { type Spread, spreadOf } from "../statistics.ts";

export interface Allocated {
  readonly input: string;
  readonly who: "bare fetch" | "by hand" | "rotating-fetch";
  /** Bytes a call takes from the heap over the bare fetch of the same round. */
  readonly added: Spread;
}

/** The first calls after a full collection allocate more than the later ones; they come before the first reading. */
const callsBefore = 6000;
/** Little enough to fit the young generation, so that nothing is collected between two readings. */
const callsPerBatch = 14_000;

async function main(): Promise<void> {
  const keys = makeKeys(3);
  const inputs: readonly (readonly [string, MakeInit])[] = [
    ["plain object", plainInit],
    ["Headers, reused", reusedHeadersInit],
    ["Headers, new", freshHeadersInit],
    ["Headers, reused, 12 names", manyHeadersInit],
  ];
  const results: Allocated[] = [];
  for (const [input, makeInit] of inputs) {
    const senders: readonly (readonly [Allocated["who"], Send])[] = [
      ["bare fetch", stub],
      ["by hand", handWritten(keys, stub)],
      ["rotating-fetch", wrapper(keys, stub)],
    ];
    for (let pass = 0; pass < 8; pass++) for (const [, send] of senders) await batch(send, makeInit);
    const samples = new Map<string, number[]>(senders.map(([who]) => [who, []]));
    for (let round = 0; round < roundsOf(25); round++) {
      const bytes = new Map<string, number>();
      for (const [who, send] of shuffled(senders)) bytes.set(who, await batch(send, makeInit));
      for (const [who] of senders) samples.get(who)?.push((bytes.get(who) ?? 0) - (bytes.get("bare fetch") ?? 0));
    }
    for (const [who] of senders) results.push({ input, who, added: spreadOf(samples.get(who) ?? []) });
  }
  process.send?.(results);
  process.disconnect?.();
}

/** Bytes per call. */
async function batch(send: Send, makeInit: MakeInit): Promise<number> {
  globalThis.gc?.();
  for (let call = 0; call < callsBefore; call++) await send(url, makeInit());
  const before = process.memoryUsage().heapUsed;
  for (let call = 0; call < callsPerBatch; call++) await send(url, makeInit());
  return (process.memoryUsage().heapUsed - before) / callsPerBatch;
}

await main();
